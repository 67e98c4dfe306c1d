// Everything that this shop does with the Web SDK: it tells the edge what happens, and shows what the edge answers.
(() => {
  "use strict";

  const PROMO_SCOPE = "home-promo";
  const PREHIDDEN = "#hero, #promo";
  const PATIENCE_MS = 2500;
  const TOKEN = "shop.token";

  // Until alloy.min.js is there, calls wait in this queue, which it looks for.
  window.__alloyNS = ["alloy"];
  window.alloy = (...args) =>
    new Promise((resolve, reject) => {
      window.alloy.q.push([resolve, reject, args]);
    });
  window.alloy.q = [];

  const page = document.documentElement;

  window.alloy("configure", {
    ...window.shopConfig,
    thirdPartyCookiesEnabled: false,
    // What the edge may replace is not shown before it has answered.
    prehidingStyle: `${PREHIDDEN} { opacity: 0 !important }`,
  });
  // The Web SDK hides until an answer comes, however long that takes: a visitor does not wait that long.
  window.setTimeout(() => document.getElementById("alloy-prehiding")?.remove(), PATIENCE_MS);

  /** What the partner's script says, where the schema of the shop's events has it. */
  async function partnerSays() {
    const visitor = await window.northlight.recognise();
    if (!visitor) return {};
    return {
      _northlight: {
        partner_id: visitor.id,
        likely_recent_mover: visitor.likelyRecentMover,
        match_confidence: visitor.matchConfidence,
        renovation_budget: visitor.renovationBudget,
      },
    };
  }

  /** Who signed in, proved by the token of the shop's own server. */
  function proof() {
    const token = window.sessionStorage.getItem(TOKEN);
    return token ? { data: { tributary: { token } } } : {};
  }

  /** Tells the edge of an event, with who is there. */
  async function send(xdm, options = {}) {
    return window.alloy("sendEvent", { xdm: { ...xdm, ...(await partnerSays()) }, ...proof(), ...options });
  }

  /** The first event of a page: what the edge decides on it is shown at once. */
  async function pageView() {
    const promo = document.getElementById("promo");
    const { propositions = [] } = await send(
      { eventType: "web.webpagedetails.pageViews", web: { webPageDetails: { name: document.body.dataset.page } } },
      { renderDecisions: true, ...(promo && { personalization: { decisionScopes: [PROMO_SCOPE] } }) },
    );
    const ours = propositions.filter(({ scope }) => scope === PROMO_SCOPE);
    if (promo && ours.length > 0) await showPromo(ours);
  }

  /** Offers of a named scope are shown, and reported as shown, by the page. */
  async function showPromo(propositions) {
    const metadata = { [PROMO_SCOPE]: { selector: "#promo", actionType: "setHtml" } };
    await window.alloy("applyPropositions", { propositions, metadata });
    await window.alloy("sendEvent", {
      xdm: { eventType: "decisioning.propositionDisplay" },
      personalization: { includeRenderedPropositions: true },
    });
  }

  window.experience = {
    /** An order was placed. */
    purchased: ({ id, total, lines }) =>
      send({
        eventType: "commerce.purchases",
        commerce: { purchases: { value: 1 }, order: { purchaseID: id, priceTotal: total, currencyCode: "USD" } },
        productListItems: lines.map(({ sku, name, price, quantity }) => ({
          SKU: sku,
          name,
          quantity,
          priceTotal: price * quantity,
        })),
      }),

    /** Something went into the basket. */
    added: ({ sku, name, price }) =>
      send({
        eventType: "commerce.productListAdds",
        commerce: { productListAdds: { value: 1 } },
        productListItems: [{ SKU: sku, name, quantity: 1, priceTotal: price }],
      }),

    /** The shop's server has proved who this is. */
    signedIn(token) {
      window.sessionStorage.setItem(TOKEN, token);
      return send({ eventType: "userAccount.login" });
    },

    signedOut: () => window.sessionStorage.removeItem(TOKEN),

    isSignedIn: () => window.sessionStorage.getItem(TOKEN) !== null,

    /** The visitor agrees to be recognised and measured, or does not. */
    consent: (general) =>
      window.alloy("setConsent", { consent: [{ standard: "Adobe", version: "1.0", value: { general } }] }),
  };

  /** Whether the page view has been told and its answer shown stands on the page itself, for whoever waits for it. */
  async function start() {
    try {
      await pageView();
      page.dataset.experience = "ready";
    } catch (error) {
      // A shop sells without its edge, too.
      page.dataset.experience = "failed";
      console.info("the edge did not answer", error.message);
    }
  }

  document.addEventListener("DOMContentLoaded", start);
})();
