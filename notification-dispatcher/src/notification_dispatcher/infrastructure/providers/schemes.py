"""The providers that ship. To add one, register its scheme here, or from outside before `build`."""

from notification_dispatcher.infrastructure.providers.fake import fake_provider
from notification_dispatcher.infrastructure.providers.registry import ProviderRegistry

PROVIDERS = ProviderRegistry({"fake": fake_provider})
