//! What a change blocks and frees.

use std::collections::BTreeMap;

use domain::catalogue::Catalogue;
use domain::dataflow::State;
use domain::governance::consent::RequiredConsent;
use domain::governance::{check_activation, check_disclosure, required_consents};
use domain::name::{AudienceName, DataflowName};
use domain::refusal::{Activation, Refusal};
use jiff::civil::Date;
use serde::Serialize;

/// A use that is judged by itself: a dataflow, an offer, or an audience of which a datastream tells.
type Use = (Activation, Option<AudienceName>);

/// A use of which it changes whether it may be made.
#[derive(Debug, Serialize)]
pub(super) struct Flip {
    #[serde(flatten)]
    pub(super) activation: Activation,
    /// The audience, where the use is one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<AudienceName>,
    pub(super) flip: Direction,
    /// Why it was blocked, or would be.
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    /// It is allowed now, and would be blocked.
    Blocked,
    /// It is blocked now, and would be allowed.
    Freed,
    /// It is not there yet, and would be blocked from the beginning.
    NewAndBlocked,
}

/// A dataflow that would ask its members for other consents than it does now.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) dataflow: DataflowName,
    pub(super) before: Vec<RequiredConsent>,
    pub(super) after: Vec<RequiredConsent>,
}

/// Everything that would be blocked or freed. Both catalogues are judged as of one day, so that what only time changes
/// is no flip.
pub(super) fn flips(before: Option<&Catalogue>, after: &Catalogue, today: Date) -> Vec<Flip> {
    let mut before = before.map(|before| standings(before, today)).unwrap_or_default();
    let mut flips = Vec::new();
    for ((activation, audience), refused) in standings(after, today) {
        let was = before.remove(&(activation.clone(), audience.clone()));
        let (flip, refusals) = match was {
            Some(was) if was.is_empty() && !refused.is_empty() => (Direction::Blocked, refused),
            Some(was) if !was.is_empty() && refused.is_empty() => (Direction::Freed, was),
            None if !refused.is_empty() => (Direction::NewAndBlocked, refused),
            _ => continue,
        };
        flips.push(Flip { activation, audience, flip, refusals });
    }
    flips
}

/// Every dataflow of which the consents change that its members are asked for.
pub(super) fn asked(before: Option<&Catalogue>, after: &Catalogue) -> Vec<Asked> {
    let all = after.dataflows.values().filter(|dataflow| dataflow.state != State::Retiring);
    let asked = all.map(|dataflow| {
        let known = before.and_then(|before| Some((before, before.dataflows.get(&dataflow.name)?)));
        Asked {
            dataflow: dataflow.name.clone(),
            before: known
                .map(|(catalogue, dataflow)| required_consents(catalogue, dataflow))
                .unwrap_or_default(),
            after: required_consents(after, dataflow),
        }
    });
    asked.filter(|asked| asked.before != asked.after).collect()
}

/// Why each use of a catalogue is refused on a day.
fn standings(catalogue: &Catalogue, today: Date) -> BTreeMap<Use, Vec<Refusal>> {
    let mut standings = BTreeMap::new();
    let run = catalogue.dataflows.values().filter(|dataflow| dataflow.state != State::Retiring);
    let dataflows = run.map(|dataflow| Activation::Dataflow {
        dataflow: dataflow.name.clone(),
        destination: dataflow.destination.clone(),
    });
    let offers = catalogue.offers.keys().map(|offer| Activation::Offer { offer: offer.clone() });
    for activation in dataflows.chain(offers) {
        let refusals = check_activation(catalogue, &activation, today);
        standings.insert((activation, None), refusals);
    }
    for datastream in catalogue.datastreams.values() {
        for audience in datastream.told() {
            let activation = Activation::Datastream { datastream: datastream.name.clone() };
            let refusals = check_disclosure(catalogue, &datastream.name, [audience], today);
            standings.insert((activation, Some(audience.clone())), refusals);
        }
    }
    standings
}
