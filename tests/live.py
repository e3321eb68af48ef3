"""The settings of a shop that goes live in containers."""

LIVE = {
    "SOUK_ENV": "production",
    "PUBLIC_URL": "https://api.shop.test",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "SMTP_HOST": "smtp.shop.test",
    "MAIL_FROM": "Shop <shop@shop.test>",
}
