"""What the notifier can do, by subject: keep copies, queue mails, account for their sending."""
