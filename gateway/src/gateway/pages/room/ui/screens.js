// Every screen: its place in the navigation, the key that leads to it after "g", its module.

export const GROUPS = [
  {
    title: "Watch",
    screens: [
      { name: "pipeline", label: "Pipeline", key: "p", load: () => import("../views/pipeline.js") },
      { name: "notifications", label: "Notifications", key: "n", load: () => import("../views/notifications.js") },
      { name: "dead-letters", label: "Dead letters", key: "d", load: () => import("../views/dead-letters.js") },
      { name: "outbox", label: "Outbox", key: "o", load: () => import("../views/outbox.js") },
    ],
  },
  {
    title: "Do",
    screens: [{ name: "send", label: "Send", key: "s", load: () => import("../views/send.js") }],
  },
  {
    title: "Look after",
    screens: [
      { name: "users", label: "Users", key: "u", load: () => import("../views/users.js") },
      { name: "providers", label: "Providers", key: "r", load: () => import("../views/providers.js") },
      { name: "webhooks", label: "Webhooks", key: "w", load: () => import("../views/webhooks.js") },
      { name: "keys", label: "Keys", key: "k", load: () => import("../views/keys.js") },
      { name: "activity", label: "Activity", key: "a", load: () => import("../views/activity.js") },
    ],
  },
];

export const SCREENS = GROUPS.flatMap(({ screens }) => screens);
