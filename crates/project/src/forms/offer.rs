//! `edge/offers/<name>.yaml`: what a page may show, and to whom.

use std::collections::BTreeSet;

use domain::edge::offer::{Cap, DomAction, Item, Offer};
use domain::label::{MarketingAction, ONSITE_ADVERTISING, ONSITE_PERSONALIZATION};
use domain::name::{AudienceName, OfferName};
use jiff::Timestamp;

use crate::problem::Notes;
use crate::read::{At, Members, Read};
use crate::suggest::instead_of;
use crate::yaml::Node;

use super::Scope;

/// The actions that the Web SDK knows by itself.
const DOM_ACTIONS: [&str; 18] = [
    "setHtml",
    "setText",
    "appendHtml",
    "prependHtml",
    "replaceHtml",
    "insertBefore",
    "insertAfter",
    "setAttribute",
    "setImageSource",
    "setStyle",
    "move",
    "resize",
    "rearrange",
    "remove",
    "customCode",
    "redirect",
    "collectInteractions",
    "click",
];

/// Those of them that need no content.
const WITHOUT_CONTENT: [&str; 3] = ["click", "collectInteractions", "remove"];

/// The longest time over which a cap counts, in hours: as long as a visitor is remembered.
const LONGEST_CAP: u16 = 14 * 24;

/// The most displays that a cap counts: as many as are remembered of a visitor.
const MOST_TIMES: u16 = 100;

pub(crate) struct OfferForm {
    title: Option<String>,
    scope: String,
    all: Vec<At<AudienceName>>,
    none: Vec<At<AudienceName>>,
    priority: i32,
    starts: Option<Timestamp>,
    ends: Option<At<Timestamp>>,
    cap: Option<CapForm>,
    marketing_actions: Option<At<Vec<At<MarketingAction>>>>,
    items: At<Vec<ItemForm>>,
}

struct CapForm {
    times: At<u16>,
    hours: At<u16>,
}

struct AudiencesForm {
    all: Vec<At<AudienceName>>,
    none: Vec<At<AudienceName>>,
}

struct ItemForm(Item);

impl Read for OfferForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<OfferForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let scope = members.required("scope", notes);
        let audiences = members.optional("audiences", notes);
        let priority = members.optional("priority", notes);
        let starts = members.optional("starts", notes);
        let ends = members.optional("ends", notes);
        let cap = members.optional("cap", notes);
        let marketing_actions = members.optional("marketing_actions", notes);
        let items = members.required("items", notes);
        members.finish(notes);
        let audiences = audiences?.unwrap_or(AudiencesForm { all: Vec::new(), none: Vec::new() });
        let form = OfferForm {
            title: title?,
            scope: scope?,
            all: audiences.all,
            none: audiences.none,
            priority: priority?.unwrap_or(0),
            starts: starts?,
            ends: ends?,
            cap: cap?,
            marketing_actions: marketing_actions?,
            items: items?,
        };
        form.check(notes);
        Some(form)
    }
}

impl Read for AudiencesForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<AudiencesForm> {
        let mut members = Members::of(node, notes)?;
        let all = members.optional("all", notes);
        let none = members.optional("none", notes);
        members.finish(notes);
        Some(AudiencesForm { all: all?.unwrap_or_default(), none: none?.unwrap_or_default() })
    }
}

impl Read for CapForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<CapForm> {
        let mut members = Members::of(node, notes)?;
        let times = members.required("times", notes);
        let hours = members.required("hours", notes);
        members.finish(notes);
        Some(CapForm { times: times?, hours: hours? })
    }
}

/// `html: ...`, `json: ...`, `dom: {...}` or `default: true`.
impl Read for ItemForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ItemForm> {
        let mut members = Members::of(node, notes)?;
        let html = members.optional::<String>("html", notes);
        let json = members.optional::<Node>("json", notes);
        let dom = members.optional::<DomAction>("dom", notes);
        let default = members.optional::<bool>("default", notes);
        members.finish(notes);
        match (html?, json?, dom?, default?) {
            (Some(html), None, None, None) => Some(ItemForm(Item::Html(html))),
            (None, Some(json), None, None) => Some(ItemForm(Item::Json(json.to_json()))),
            (None, None, Some(dom), None) => Some(ItemForm(Item::Dom(dom))),
            (None, None, None, Some(true)) => Some(ItemForm(Item::Default)),
            _ => {
                let message = "expected one of `html: ...`, `json: ...`, `dom: {...}` and `default: true`";
                notes.note(node.at, message, None);
                None
            }
        }
    }
}

impl Read for DomAction {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DomAction> {
        let mut members = Members::of(node, notes)?;
        let action = members.required::<At<String>>("action", notes);
        let selector = members.required("selector", notes);
        let content = members.optional("content", notes);
        let label = members.optional("label", notes);
        members.finish(notes);
        let action = action?;
        if !DOM_ACTIONS.contains(&action.value.as_str()) {
            let help = instead_of(&action.value, DOM_ACTIONS);
            notes.note(action.at, format!("the Web SDK knows no action `{}`", action.value), help);
        }
        let content: Option<String> = content?;
        if content.is_none() && !WITHOUT_CONTENT.contains(&action.value.as_str()) {
            let message = format!("action `{}` has no `content`: the page would show nothing", action.value);
            notes.note(node.at, message, None);
        }
        Some(DomAction { action: action.value, selector: selector?, content, label: label? })
    }
}

impl OfferForm {
    fn check(&self, notes: &mut Notes<'_>) {
        if self.items.value.is_empty() {
            let help = "write `- default: true` to leave the page as it is".to_owned();
            notes.note(self.items.at, "an offer without items shows nothing", help);
        }
        if let (Some(starts), Some(At { value: ends, at })) = (self.starts, &self.ends)
            && *ends <= starts
        {
            notes.note(*at, "the offer ends before it starts", None);
        }
        if let Some(hours) = self.cap.as_ref().map(|cap| &cap.hours)
            && !(1..=LONGEST_CAP).contains(&hours.value)
        {
            let message = format!("a cap over `{}` hours is not between 1 and {LONGEST_CAP}", hours.value);
            notes.note(hours.at, message, None);
        }
        if let Some(times) = self.cap.as_ref().map(|cap| &cap.times)
            && !(1..=MOST_TIMES).contains(&times.value)
        {
            let message = format!("a cap of `{}` times is not between 1 and {MOST_TIMES}", times.value);
            notes.note(times.at, message, None);
        }
        for audience in self.none.iter().filter(|none| self.all.iter().any(|all| all.value == none.value)) {
            let message = format!("`{}` is among `all` as well: nobody would see the offer", audience.value);
            notes.note(audience.at, message, None);
        }
        let is_onsite = |action: &At<MarketingAction>| {
            [ONSITE_ADVERTISING, ONSITE_PERSONALIZATION].contains(&action.value.as_str())
        };
        if let Some(At { value: actions, at }) = &self.marketing_actions
            && !actions.iter().any(is_onsite)
        {
            let help = format!("add `{ONSITE_PERSONALIZATION}` or `{ONSITE_ADVERTISING}`, whichever it is");
            let message = "an offer is shown on site, and would pass every policy about that";
            notes.note(*at, message, help);
        }
    }

    pub(crate) fn compile(
        &self,
        name: &OfferName,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Offer> {
        for audience in self.all.iter().chain(&self.none) {
            scope.forms.audiences.look_up(audience, notes);
        }
        let actions = self.marketing_actions.as_ref().map(|actions| actions.value.as_slice());
        scope.forms.check_actions(actions.unwrap_or_default(), notes);
        let actions = match actions {
            Some(actions) => actions.iter().map(|action| action.value.clone()).collect(),
            None => BTreeSet::from([ONSITE_PERSONALIZATION.into()]),
        };
        let names =
            |audiences: &[At<AudienceName>]| audiences.iter().map(|each| each.value.clone()).collect();
        Some(Offer {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            scope: self.scope.clone(),
            all: names(&self.all),
            none: names(&self.none),
            priority: self.priority,
            starts: self.starts,
            ends: self.ends.as_ref().map(|ends| ends.value),
            cap: self.cap.as_ref().map(|cap| Cap { times: cap.times.value, hours: cap.hours.value }),
            marketing_actions: actions,
            items: self.items.value.iter().map(|ItemForm(item)| item.clone()).collect(),
            // Judged once the whole catalogue is known.
            refusals: Vec::new(),
        })
    }
}
