/** Whether a module did not come: no browser has an error of its own for that. */
export const isUnfetched = (error) => error instanceof TypeError && /import|module/i.test(error.message);
