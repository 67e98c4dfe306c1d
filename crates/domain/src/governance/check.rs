//! The check of every use of an audience against policies and contracts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::civil::Date;

use super::Policy;
use super::consent::{ConsentPolicy, RequiredConsent};
use crate::audience::event_path;
use crate::catalogue::Catalogue;
use crate::dataflow::{Dataflow, Destination, Source};
use crate::dataset::Dataset;
use crate::edge::offer::Offer;
use crate::label::{Label, MarketingAction, ONSITE_PERSONALIZATION, STITCHED_IDENTITY, THIRD_PARTY};
use crate::merge::IdentityGraph;
use crate::name::{AudienceName, DatastreamName, PartnerName};
use crate::refusal::{Activation, Cause, Lineage, Refusal, Through};
use crate::value::FieldPath;

/// A use of an audience that is judged.
struct Use<'a> {
    activation: Activation,
    audience: &'a AudienceName,
    actions: &'a BTreeSet<MarketingAction>,
    lineage: Vec<Lineage>,
}

/// Every reason for which a dataflow may not send on a day; none where it may.
///
/// Labels are those of every field that the audience's definition reads and that is mapped, from every dataset that
/// can supply it under the audience's merge policy. AND-policies are judged on all of them together, since they all
/// belong to one audience. What is seen under a merge policy with the identity graph carries C10 besides.
pub fn check(catalogue: &Catalogue, dataflow: &Dataflow, today: Date) -> Vec<Refusal> {
    let Some(destination) = catalogue.destinations.get(&dataflow.destination) else { return Vec::new() };
    Use::of_dataflow(catalogue, dataflow, destination).judge(catalogue, today)
}

/// The consents that a dataflow asks of each member: who has not given them is not sent, and is withdrawn.
pub fn required_consents(catalogue: &Catalogue, dataflow: &Dataflow) -> Vec<RequiredConsent> {
    let Some(destination) = catalogue.destinations.get(&dataflow.destination) else { return Vec::new() };
    let of_dataflow = Use::of_dataflow(catalogue, dataflow, destination);
    of_dataflow.consent_policies(catalogue).map(ConsentPolicy::required).collect()
}

/// Every reason for which whatever is named may not be made of the audiences that it uses.
pub fn check_activation(catalogue: &Catalogue, activation: &Activation, today: Date) -> Vec<Refusal> {
    let refusals = match activation {
        Activation::Dataflow { dataflow, .. } => {
            catalogue.dataflows.get(dataflow).map(|dataflow| check(catalogue, dataflow, today))
        }
        Activation::Offer { offer } => {
            catalogue.offers.get(offer).map(|offer| check_offer(catalogue, offer, today))
        }
        Activation::Datastream { datastream } => catalogue
            .datastreams
            .get(datastream)
            .map(|each| check_disclosure(catalogue, &each.name, each.told(), today)),
    };
    refusals.unwrap_or_default()
}

/// Every reason for which an offer may not be shown on a day; none where it may. Each of its audiences is judged by
/// itself: being shown the offer, or not, tells of each.
pub fn check_offer(catalogue: &Catalogue, offer: &Offer, today: Date) -> Vec<Refusal> {
    let activation = Activation::Offer { offer: offer.name.clone() };
    check_audiences(catalogue, &activation, offer.audiences(), &offer.marketing_actions, today)
}

/// Every reason for which a datastream may not tell others who is in some of its audiences.
pub fn check_disclosure<'a>(
    catalogue: &Catalogue,
    datastream: &DatastreamName,
    audiences: impl IntoIterator<Item = &'a AudienceName>,
    today: Date,
) -> Vec<Refusal> {
    let activation = Activation::Datastream { datastream: datastream.clone() };
    let actions = BTreeSet::from([ONSITE_PERSONALIZATION.into()]);
    check_audiences(catalogue, &activation, audiences, &actions, today)
}

/// Whether a datastream may tell the site's own servers what partners' scripts say of a field: as strictly as it is
/// judged whether a page may be made of it.
pub fn may_tell(catalogue: &Catalogue, datastream: &DatastreamName, field: &FieldPath, today: Date) -> bool {
    let action = MarketingAction::from(ONSITE_PERSONALIZATION);
    let has_field = |dataset: &Dataset| {
        catalogue.schemas.get(&dataset.schema).is_some_and(|each| each.field(field).is_some())
    };
    let suppliers = catalogue.signals(datastream).map(|(dataset, _)| dataset);
    suppliers.filter(|dataset| has_field(dataset)).all(|dataset| {
        let labels = catalogue.labels(dataset, field);
        let denies = |policy: &Policy| {
            policy.status.counts(false)
                && policy.marketing_actions.contains(&action)
                && policy.deny.matched(&labels).is_some()
        };
        let contract = catalogue.partner_of(dataset).and_then(|partner| partner.contract.as_ref());
        let is_allowed =
            contract.is_some_and(|contract| !contract.has_ended(today) && contract.allows.contains(&action));
        let actions = BTreeSet::from([action.clone()]);
        let asks_consent =
            |policy: &ConsentPolicy| policy.status.counts(false) && policy.condition.holds(&labels, &actions);
        (is_allowed || !labels.contains(&Label::from(THIRD_PARTY)))
            && !catalogue.policies.values().any(denies)
            && !catalogue.consent_policies.values().any(asks_consent)
    })
}

fn check_audiences<'a>(
    catalogue: &Catalogue,
    activation: &Activation,
    audiences: impl IntoIterator<Item = &'a AudienceName>,
    actions: &BTreeSet<MarketingAction>,
    today: Date,
) -> Vec<Refusal> {
    let judge = |audience| {
        let lineage = definition_lineage(catalogue, audience).into_iter().collect();
        Use { activation: activation.clone(), audience, actions, lineage }.judge(catalogue, today)
    };
    audiences.into_iter().flat_map(judge).collect()
}

/// Every way by which data would leave through a dataflow.
pub fn lineage(catalogue: &Catalogue, dataflow: &Dataflow) -> Vec<Lineage> {
    let mut ways = definition_lineage(catalogue, &dataflow.audience);
    if let Some(audience) = catalogue.audiences.get(&dataflow.audience) {
        for mapping in &dataflow.mapping {
            let target = mapping.target.clone();
            let (suppliers, merge_policy, through) = match &mapping.source {
                Source::Field(path) => {
                    let policy = &audience.merge_policy;
                    (catalogue.suppliers(path, policy), Some(policy.clone()), Through::Mapping(target))
                }
                Source::Identity(namespace) => {
                    let through = Through::Identity(namespace.clone(), target);
                    (catalogue.identity_suppliers(namespace), None, through)
                }
            };
            ways.extend(suppliers.into_iter().map(|(dataset, field)| Lineage {
                dataset: dataset.name.clone(),
                labels: catalogue.labels(dataset, &field),
                field,
                merge_policy: merge_policy.clone(),
                through: through.clone(),
                via: Vec::new(),
            }));
        }
    }
    ways.into_iter().collect()
}

/// Every way by which being in an audience tells of data.
fn definition_lineage(catalogue: &Catalogue, audience: &AudienceName) -> BTreeSet<Lineage> {
    let mut ways = BTreeSet::new();
    for path in reference_paths(catalogue, audience) {
        let Some((last, via)) = path.split_last() else { continue };
        let Some(audience) = catalogue.audiences.get(*last) else { continue };
        let via: Vec<AudienceName> = via.iter().rev().map(|name| (*name).clone()).collect();
        for read in &audience.reads {
            let is_of_event = event_path(read).is_some();
            let suppliers = catalogue.suppliers(read, &audience.merge_policy);
            ways.extend(suppliers.into_iter().map(|(dataset, field)| Lineage {
                dataset: dataset.name.clone(),
                labels: catalogue.labels(dataset, &field),
                field,
                // Events are not merged.
                merge_policy: (!is_of_event).then(|| audience.merge_policy.clone()),
                through: Through::Definition(audience.name.clone()),
                via: via.clone(),
            }));
        }
    }
    ways
}

/// Whether a way goes over a view of a person that the identity graph makes of several identities. Events are of one, but
/// whoever is in an audience because of them is anybody whom that one is linked to.
fn is_stitched(catalogue: &Catalogue, used: &AudienceName, way: &Lineage) -> bool {
    let audience = catalogue.audiences.get(way.seen_by(used));
    let policy = audience.and_then(|audience| catalogue.merge_policies.get(&audience.merge_policy));
    policy.is_none_or(|policy| policy.identity_graph == IdentityGraph::Private)
}

/// The most ways that are told from an audience to one that it refers to. Each such audience has one at least, so that
/// none of its data goes unseen; where audiences refer to each other crosswise, ways are more than anyone can read.
const WAYS_TO_ONE: usize = 16;

/// The ways from an audience through those that it refers to, the one of the audience itself first.
fn reference_paths<'a>(catalogue: &'a Catalogue, audience: &'a AudienceName) -> Vec<Vec<&'a AudienceName>> {
    let mut ways: BTreeMap<&AudienceName, usize> = BTreeMap::new();
    let mut open = VecDeque::from([vec![audience]]);
    let mut found = Vec::new();
    while let Some(path) = open.pop_front() {
        let Some(here) = path.last().and_then(|last| catalogue.audiences.get(*last)) else { continue };
        let known = ways.entry(&here.name).or_default();
        *known += 1;
        if *known > WAYS_TO_ONE {
            continue;
        }
        let next = here.refers_to.iter().filter(|next| !path.contains(next));
        open.extend(next.map(|next| path.iter().copied().chain([next]).collect()));
        found.push(path);
    }
    found
}

impl<'a> Use<'a> {
    fn of_dataflow(catalogue: &Catalogue, dataflow: &'a Dataflow, destination: &'a Destination) -> Use<'a> {
        Use {
            activation: Activation::Dataflow {
                dataflow: dataflow.name.clone(),
                destination: destination.name.clone(),
            },
            audience: &dataflow.audience,
            actions: &destination.marketing_actions,
            lineage: lineage(catalogue, dataflow),
        }
    }

    fn judge(&self, catalogue: &Catalogue, today: Date) -> Vec<Refusal> {
        let mut refusals = self.check_policies(catalogue);
        refusals.extend(self.check_consents(catalogue));
        refusals.extend(self.check_contracts(catalogue, today));
        refusals
    }

    /// The labels of everything that is used: they all belong to one audience, and are judged together.
    fn labels(&self, catalogue: &Catalogue) -> BTreeSet<Label> {
        let of_data = self.lineage.iter().flat_map(|way| way.labels.iter().cloned());
        let is_stitched = self.lineage.iter().any(|way| is_stitched(catalogue, self.audience, way));
        of_data.chain(is_stitched.then(|| STITCHED_IDENTITY.into())).collect()
    }

    /// The ways that carry any of some labels.
    fn carrying(&self, catalogue: &Catalogue, labels: &BTreeSet<Label>) -> Vec<Lineage> {
        let stitched = Label::from(STITCHED_IDENTITY);
        let mut ways = self.lineage.clone();
        for way in ways.iter_mut().filter(|way| is_stitched(catalogue, self.audience, way)) {
            way.labels.extend(labels.get(&stitched).cloned());
        }
        ways.retain(|way| !way.labels.is_disjoint(labels));
        ways
    }

    fn consent_policies<'b>(&self, catalogue: &'b Catalogue) -> impl Iterator<Item = &'b ConsentPolicy> {
        let (labels, actions) = (self.labels(catalogue), self.actions.clone());
        let asks = move |policy: &&ConsentPolicy| {
            policy.status.counts(false) && policy.condition.holds(&labels, &actions)
        };
        catalogue.consent_policies.values().filter(asks)
    }

    /// Dataflows look at each member's consent. The edge knows no attribute of a visitor, so that what asks for consent
    /// is not done there.
    fn check_consents(&self, catalogue: &Catalogue) -> Vec<Refusal> {
        if self.activation.dataflow().is_some() {
            return Vec::new();
        }
        let refuse = |policy: &ConsentPolicy| {
            let labels = policy.condition.labels();
            let labels: BTreeSet<Label> =
                self.labels(catalogue).into_iter().filter(|each| labels.contains(each)).collect();
            let cause =
                Cause::ConsentUnknown { name: policy.name.clone(), field: policy.consent.field.clone() };
            let lineage = self.carrying(catalogue, &labels);
            self.refusal(cause, self.actions.clone(), labels, lineage)
        };
        self.consent_policies(catalogue).map(refuse).collect()
    }

    fn check_policies(&self, catalogue: &Catalogue) -> Vec<Refusal> {
        let labels = self.labels(catalogue);
        let enabled = catalogue.policies.values().filter(|policy| policy.status.counts(false));
        enabled
            .filter_map(|policy| {
                let actions: BTreeSet<_> =
                    policy.marketing_actions.intersection(self.actions).cloned().collect();
                let matched = policy.deny.matched(&labels)?;
                if actions.is_empty() {
                    return None;
                }
                let cause = Cause::Policy {
                    name: policy.name.clone(),
                    deny: policy.deny.to_string(),
                    matched: matched.to_string(),
                };
                let matched: BTreeSet<Label> = matched.labels().into_iter().cloned().collect();
                let lineage = self.carrying(catalogue, &matched);
                Some(self.refusal(cause, actions, matched, lineage))
            })
            .collect()
    }

    fn check_contracts(&self, catalogue: &Catalogue, today: Date) -> Vec<Refusal> {
        let mut by_partner: BTreeMap<Option<&PartnerName>, Vec<Lineage>> = BTreeMap::new();
        for way in &self.lineage {
            let partner = catalogue.datasets.get(&way.dataset).and_then(|dataset| dataset.partner.as_ref());
            if partner.is_some() || way.labels.contains(&Label::from(THIRD_PARTY)) {
                by_partner.entry(partner).or_default().push(way.clone());
            }
        }
        by_partner
            .into_iter()
            .filter_map(|(partner, lineage)| {
                let (cause, actions) = self.breach(catalogue, partner, today)?;
                let labels = BTreeSet::from([THIRD_PARTY.into()]);
                Some(self.refusal(cause, actions, labels, lineage))
            })
            .collect()
    }

    /// How a use of a partner's data breaks its contract: the cause, and the actions. Data that is labelled Third-Party
    /// and comes from no partner has no contract.
    fn breach(
        &self,
        catalogue: &Catalogue,
        partner: Option<&PartnerName>,
        today: Date,
    ) -> Option<(Cause, BTreeSet<MarketingAction>)> {
        let all = self.actions.clone();
        let Some(name) = partner else { return Some((Cause::UncontractedThirdParty, all)) };
        let Some(contract) = catalogue.partners.get(name).and_then(|partner| partner.contract.as_ref())
        else {
            return Some((Cause::NoContract { partner: name.clone() }, all));
        };
        if let Some(ended) = contract.ends.filter(|_| contract.has_ended(today)) {
            return Some((Cause::ContractEnded { partner: name.clone(), ended }, all));
        }
        let forbidden: BTreeSet<_> = all.difference(&contract.allows).cloned().collect();
        let cause = Cause::ContractForbids { partner: name.clone(), allows: contract.allows.clone() };
        (!forbidden.is_empty()).then_some((cause, forbidden))
    }

    fn refusal(
        &self,
        cause: Cause,
        actions: BTreeSet<MarketingAction>,
        labels: BTreeSet<Label>,
        lineage: Vec<Lineage>,
    ) -> Refusal {
        Refusal {
            activation: self.activation.clone(),
            audience: self.audience.clone(),
            cause,
            actions,
            labels,
            lineage,
        }
    }
}
