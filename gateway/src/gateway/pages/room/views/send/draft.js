// What stands in the form: it outlives the view, and another view may put something there.

let draft = {};

/** Keep values of the form's fields, in place of what was kept. */
export function keepDraft(values) {
  draft = { ...values };
}

export const currentDraft = () => draft;
