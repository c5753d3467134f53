/**
 * Do something once for many calls: `soon()` has `run()` called after `delay` milliseconds, but not
 * before the last run has ended, so that a slow answer is never given up for the next.
 */
export function settled(run, delay) {
  let timer = null;
  let isRunning = false;
  let isWanted = false;
  let isClosed = false;

  function soon() {
    isWanted = true;
    if (!isRunning && !isClosed) timer ??= setTimeout(begin, delay);
  }

  async function begin() {
    timer = null;
    isWanted = false;
    isRunning = true;
    try {
      await run();
    } finally {
      isRunning = false;
      if (isWanted) soon();
    }
  }

  return {
    soon,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
