"""What a textbook would put in its appendix."""
