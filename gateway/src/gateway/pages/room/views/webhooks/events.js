// What an endpoint can be told of, in words.

export const EVENT_NAMES = {
  "notification.status_changed": "status changes",
  "provider.breaker_opened": "broken providers",
  "dead_letters.piled_up": "dead letters that pile up",
  "address.health_dropped": "addresses that are not sent to any more",
  "webhook.disabled": "webhooks that were switched off",
  "webhook.test": "a test",
};

export const eventName = (event) => EVENT_NAMES[event] ?? event;
