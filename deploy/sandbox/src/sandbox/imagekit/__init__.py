"""A stand-in for ImageKit: uploads by token, a media library, a CDN that transforms and signed webhooks."""
