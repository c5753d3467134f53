"""`smtp://`, `smtps://`: e-mail by SMTP."""
