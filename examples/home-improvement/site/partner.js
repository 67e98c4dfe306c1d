// A stand-in for the recognition script of a data partner. Everything in it is invented.
//
// The real one would ask the partner's servers who this visitor probably is. This one believes the page's address: `?visitor=mover` is kept
// in localStorage, so that the visitor is recognised on later pages as well, and `?visitor=nobody` forgets it.
(() => {
  "use strict";

  const KEPT = "northlight.visitor";

  const VISITORS = {
    // Probably moved into a new home, and the partner is sure whom it sees.
    mover: { id: "NL-4f7c02", likelyRecentMover: 0.87, matchConfidence: 0.93, renovationBudget: "high" },
    // Has lived here for years.
    resident: { id: "NL-91be5d", likelyRecentMover: 0.06, matchConfidence: 0.9, renovationBudget: "low" },
    // Probably moved, if it is who the partner thinks it is, which the partner doubts.
    lookalike: { id: "NL-d3380a", likelyRecentMover: 0.81, matchConfidence: 0.22, renovationBudget: "medium" },
  };

  const named = new URLSearchParams(window.location.search).get("visitor");
  if (named === "nobody") {
    window.localStorage.removeItem(KEPT);
  } else if (named) {
    window.localStorage.setItem(KEPT, named);
  }

  window.northlight = {
    /** What the partner says of this visitor, or null if it does not recognise them. */
    async recognise() {
      // As long as a quick answer over a network takes.
      await new Promise((resolve) => window.setTimeout(resolve, 30));
      return VISITORS[window.localStorage.getItem(KEPT)] ?? null;
    },
  };
})();
