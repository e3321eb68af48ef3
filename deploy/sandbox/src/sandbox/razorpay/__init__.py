"""A stand-in for Razorpay: orders, payments, refunds, a checkout and signed webhooks."""
