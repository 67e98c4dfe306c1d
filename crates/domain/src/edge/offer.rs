//! Offers: what a page may show, and to whom.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::label::MarketingAction;
use crate::name::{AudienceName, OfferName};
use crate::refusal::Refusal;

/// Shown to everyone for whom no offer of the scope is better, and so a scope's fallback, if it names no audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name in the project.
    pub name: OfferName,
    /// A title for people.
    pub title: String,
    /// The decision scope: `__view__` for the page as a whole, or a place that the page names.
    pub scope: String,
    /// The audiences of which a visitor must be in every one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub all: BTreeSet<AudienceName>,
    /// The audiences of which a visitor may be in none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub none: BTreeSet<AudienceName>,
    /// Of several offers for one scope the one of the highest priority is shown; of equal ones the first by name.
    pub priority: i32,
    /// From when on it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Timestamp>,
    /// From when on it is not shown any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// How often one visitor is shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// What showing it does with the data that its audiences rest on.
    pub marketing_actions: BTreeSet<MarketingAction>,
    /// What is shown.
    pub items: Vec<Item>,
    /// Why it was refused when it was applied: it is not shown, and the next best offer is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

/// How often one visitor is shown an offer: displays that the page has reported count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// So many times.
    pub times: u16,
    /// Within so many hours.
    pub hours: u16,
}

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// HTML, which the page puts where it wants it.
    Html(String),
    /// Data, which the page reads.
    Json(serde_json::Value),
    /// A change of the page, which the Web SDK makes by itself.
    Dom(DomAction),
    /// The page as it is.
    Default,
}

/// A change of the page that the Web SDK makes by itself (schema `dom-action`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomAction {
    /// What is done: `setHtml`, `setText`, `appendHtml` and so on; `click` tracks clicks.
    pub action: String,
    /// Where it is done, as a CSS selector.
    pub selector: String,
    /// What is put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What a click there is called in the notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Offer {
    /// Every audience that decides to whom it is shown.
    pub fn audiences(&self) -> impl Iterator<Item = &AudienceName> {
        self.all.iter().chain(&self.none)
    }

    /// Whether it is shown at an instant.
    pub fn runs_at(&self, now: Timestamp) -> bool {
        self.starts.is_none_or(|starts| starts <= now) && self.ends.is_none_or(|ends| now < ends)
    }
}
