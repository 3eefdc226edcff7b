"""What is kept for those who ask later: blame, transcripts, exports."""
