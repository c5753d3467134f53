"""A durable queue behind one small port: `port` has the words, `factory` opens one by URL."""
