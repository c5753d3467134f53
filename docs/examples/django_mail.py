"""Mail that Django does not lose: `python django_mail.py ada@example.com`.

It needs `pip install 'asyncnotify[django]'`.
"""

import sys

from django.conf import settings
from django.core.mail import send_mail

settings.configure(
    EMAIL_BACKEND="asyncnotify.django.EmailBackend",
    DEFAULT_FROM_EMAIL="shop@example.com",
)
send_mail("Thank you", "your purchase was completed successfully", None, sys.argv[1:])
