//! The shop of the example, deployed and open.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::edge::visitor::StoredVisitor;
use domain::identity::{Identity, ProfileId};
use serde_json::{Value, json};
use tests::browser::{Browser, Seen, web_sdk};
use tests::deployed::{Deployed, eventually};
use tests::example::Example;
use tests::shop::{Datastream, EDGE, Function, Settings, Shop};

/// Where the coupon is for who has just moved.
pub const HERO: &str = "#hero";
/// The code on the coupon.
pub const COUPON: &str = "NEWHOME10";
/// The place for a promotion.
pub const PROMO: &str = "#promo";
/// What is promoted to everybody.
pub const FALLBACK: &str = "#delivery";

/// How long linking may take behind a reply.
pub const LINKED_WITHIN: Duration = Duration::from_secs(120);

/// How long the edge may be behind what was applied.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(60);

/// The key by which the shop proves who has signed in.
const SIGN_IN_KEY: &str = "a-key-of-the-shop-of-thirty-two-bytes";

/// A certificate of the edge's own name, which nobody looks at here.
const CERTIFICATE: &str =
    "EdgeCertificate=arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000";

/// The shop, open.
pub struct Open {
    /// The browser, which knows the way to the shop.
    pub browser: Browser,
    /// The deployment.
    pub at: Deployed,
    _shop: Shop,
}

impl Open {
    /// Deploys, applies the project, and opens the shop; its pages report to the edge of the shop's own domain.
    pub async fn shop() -> Open {
        Open::reporting_to(EDGE).await
    }

    /// The same, with an edge of some name.
    pub async fn reporting_to(edge_domain: &str) -> Open {
        Open::deployed(&["EdgeAccess=url"], edge_domain).await
    }

    /// The same, with an edge that only its distribution may call.
    pub async fn behind_a_cdn() -> Open {
        let own_name = format!("EdgeDomain={EDGE}");
        Open::deployed(&["EdgeAccess=cdn", &own_name, CERTIFICATE], EDGE).await
    }

    async fn deployed(parameters: &[&str], edge_domain: &str) -> Open {
        let at = Deployed::with(Example::shop(), parameters).await;
        at.put_secret("edge/shop-login", SIGN_IN_KEY).await;
        at.apply();
        let settings = Settings {
            pages: Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/home-improvement/site"),
            web_sdk: web_sdk(),
            datastream: Datastream { edge_domain: edge_domain.to_owned(), ..Datastream::default() },
            function: Function {
                address: std::env::var("AWS_ENDPOINT_URL").unwrap().parse().unwrap(),
                host: at.environment().get("TRIBUTARY_EDGE_HOST").cloned(),
                origin_header: None,
            },
            sign_in_key: SIGN_IN_KEY.to_owned(),
        };
        let shop = Shop::start(0, settings).unwrap();
        Open { browser: Browser::open(&shop), at, _shop: shop }
    }

    /// The home page, as somebody sees it whom the partner takes for that visitor. The Web SDK says all that it has to say.
    pub fn home(&mut self, visitor: &str) -> Seen {
        self.home_as(visitor, visitor)
    }

    /// The home page in somebody's browser, while the partner takes them for somebody.
    pub fn home_as(&mut self, person: &str, visitor: &str) -> Seen {
        let page = format!("/?visitor={visitor}&alloy_debug=true");
        let seen = self.browser.visit(person, &page, &[HERO, PROMO, FALLBACK]);
        assert_eq!(seen.experience, "ready", "{:?}", seen.calls);
        seen
    }

    /// The home page, as soon as it is so: the edge may be some seconds behind what was applied.
    pub fn home_once(&mut self, visitor: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let began = Instant::now();
        loop {
            let seen = self.home(visitor);
            if is_so(&seen) {
                return seen;
            }
            assert!(began.elapsed() < IN_FORCE_WITHIN, "{:?}", seen.texts);
        }
    }

    /// Loads the page again.
    pub fn again(&mut self, person: &str) -> Seen {
        self.browser.play(&json!({"visitor": person, "reload": true, "read": [HERO, PROMO, FALLBACK]}))
    }

    /// Clicks on something.
    pub fn click(&mut self, person: &str, selector: &str) -> Seen {
        self.browser.play(&json!({"visitor": person, "click": selector}))
    }

    /// Signs in, or out again and in as somebody else.
    pub fn sign_in(&mut self, person: &str, login: &str, password: &str) -> Seen {
        self.click(person, "#account");
        self.browser.play(&json!({
            "visitor": person,
            "fill": {"#user": login, "#password": password},
            "click": "#sign-in button",
            "read": ["#account"],
        }))
    }

    /// Signs out.
    pub fn sign_out(&mut self, person: &str) {
        self.click(person, "#account");
        self.click(person, "#sign-out");
    }

    /// An identity as it is keyed here.
    pub async fn identity(&self, namespace: &str, value: &str) -> Identity {
        let store = &self.at.store;
        let in_force = store.catalogue().await.unwrap().unwrap();
        let namespace = in_force.catalogue.namespace(&namespace.parse().unwrap()).unwrap().clone();
        store.keyring().await.unwrap().identity(&namespace, value).unwrap()
    }

    /// What is stored of a visitor.
    pub async fn stored(&self, ecid: &str) -> StoredVisitor {
        let identity = self.identity("ECID", ecid).await;
        self.at.store.visitors.get(&identity.key).await.unwrap()
    }

    /// The profile that an identity links to, once there is one that `fits`.
    pub async fn profile_of(
        &self,
        namespace: &str,
        value: &str,
        fits: impl Fn(&ProfileId) -> bool,
    ) -> ProfileId {
        let identity = self.identity(namespace, value).await;
        eventually("the identity is linked", LINKED_WITHIN, async || {
            self.at.store.identities.link(&identity.key).await.unwrap().filter(|profile| fits(profile))
        })
        .await
    }

    /// What `tributary offers` says of one.
    pub fn offer(&self, name: &str) -> Value {
        let offers = self.at.tributary(&["offers"]);
        let offer = offers.as_array().unwrap().iter().find(|offer| offer["name"] == name);
        offer.unwrap_or_else(|| panic!("no `{name}` in {offers}")).clone()
    }
}
