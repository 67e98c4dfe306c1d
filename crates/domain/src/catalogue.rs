//! The catalogue: everything that a project says, compiled into one immutable document that functions read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audience::{Audience, DefinitionHash, Population, event_path};
use crate::dataflow::{Dataflow, Destination};
use crate::dataset::{Dataset, DatastreamSource, OnUnmatched};
use crate::edge::datastream::Datastream;
use crate::edge::offer::Offer;
use crate::former::Former;
use crate::governance::Policy;
use crate::governance::consent::ConsentPolicy;
use crate::label::{Label, THIRD_PARTY};
use crate::merge::MergePolicy;
use crate::name::{
    AudienceName, DataflowName, DatasetName, DatastreamName, DestinationName, MergePolicyName, OfferName,
    PartnerName, PolicyName, SchemaName,
};
use crate::namespace::{ECID, Namespace, NamespaceCode};
use crate::partner::Partner;
use crate::profile::pseudonymous::Pseudonymous;
use crate::schema::{Class, Schema};
use crate::value::FieldPath;

/// The form of catalogues that this build writes. It reads form 1 too, which lacks what form 2 may say of consents,
/// prospects and snapshots: who knows form 1 alone would send those who have not consented. Form 3 may say how long
/// pseudonymous profiles are kept: who does not know it would send those that have expired.
pub const FORMAT: u32 = 3;

/// The oldest form of catalogues that this build reads.
pub const OLDEST_FORMAT: u32 = 1;

/// A project, checked as a whole. Every name that one part uses of another exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The number of this document's form: [`FORMAT`], or an older one that is read.
    pub format: u32,
    /// The project's title.
    pub title: String,
    /// The namespaces in order of priority, highest first, standard ones included.
    pub namespaces: Vec<Namespace>,
    /// The data partners.
    pub partners: BTreeMap<PartnerName, Partner>,
    /// The schemas.
    pub schemas: BTreeMap<SchemaName, Schema>,
    /// The datasets.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// The merge policies.
    pub merge_policies: BTreeMap<MergePolicyName, MergePolicy>,
    /// The policies.
    pub policies: BTreeMap<PolicyName, Policy>,
    /// The consent policies. No policy of either kind has the name of another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consent_policies: BTreeMap<PolicyName, ConsentPolicy>,
    /// The audiences.
    pub audiences: BTreeMap<AudienceName, Audience>,
    /// The destinations.
    pub destinations: BTreeMap<DestinationName, Destination>,
    /// The dataflows.
    pub dataflows: BTreeMap<DataflowName, Dataflow>,
    /// The datastreams.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub datastreams: BTreeMap<DatastreamName, Datastream>,
    /// The offers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offers: BTreeMap<OfferName, Offer>,
    /// How long pseudonymous profiles are kept; for as long as what datasets say of them, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonymous: Option<Pseudonymous>,
    /// What has left the project, and is still stored.
    #[serde(default, skip_serializing_if = "Former::is_empty")]
    pub former: Former,
}

/// The name of a catalogue: SHA-256 of its bytes, lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogueHash(String);

impl CatalogueHash {
    /// The hash of a catalogue's bytes.
    pub fn of(bytes: &[u8]) -> CatalogueHash {
        CatalogueHash(hex::encode(Sha256::digest(bytes)))
    }

    /// The hash as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CatalogueHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Which catalogue is in force. The sequence goes up by one with every apply, a rollback included, and never down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Counts applies.
    pub sequence: u64,
    /// Which catalogue.
    pub catalogue: CatalogueHash,
}

impl Catalogue {
    /// Whether this build knows what the catalogue says.
    pub fn is_of_known_form(&self) -> bool {
        (OLDEST_FORMAT..=FORMAT).contains(&self.format)
    }

    /// The namespace of a code.
    pub fn namespace(&self, code: &NamespaceCode) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.code == *code)
    }

    /// The namespace of the edge's visitors.
    pub fn ecid_namespace(&self) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.code.as_str() == ECID)
    }

    /// The rank of a namespace: 0 is the highest priority. Unknown ones rank last.
    pub fn priority(&self, code: &NamespaceCode) -> usize {
        self.namespaces.iter().position(|namespace| namespace.code == *code).unwrap_or(self.namespaces.len())
    }

    /// The merge policy of whoever names none. A project has one.
    pub fn default_merge_policy(&self) -> Option<&MergePolicy> {
        self.merge_policies.values().find(|policy| policy.default)
    }

    /// The merge policy of the edge: the one that is active there, else the default one.
    pub fn edge_merge_policy(&self) -> Option<&MergePolicy> {
        let active = self.merge_policies.values().find(|policy| policy.active_on_edge);
        active.or_else(|| self.default_merge_policy())
    }

    /// Every audience after those that it refers to.
    ///
    /// # Errors
    /// An audience that refers to itself, be it by way of others, or to one that does not exist.
    pub fn audiences_in_order(&self) -> Result<Vec<&Audience>, &AudienceName> {
        let mut ordered: Vec<&Audience> = Vec::new();
        let mut placed: BTreeSet<&AudienceName> = BTreeSet::new();
        while placed.len() < self.audiences.len() {
            let before = placed.len();
            for audience in self.audiences.values() {
                let is_next = !placed.contains(&audience.name)
                    && audience.refers_to.iter().all(|reference| placed.contains(reference));
                if is_next {
                    placed.insert(&audience.name);
                    ordered.push(audience);
                }
            }
            if placed.len() == before {
                return self.audiences.keys().find(|name| !placed.contains(name)).map_or(Ok(ordered), Err);
            }
        }
        Ok(ordered)
    }

    /// The dataset whose prefix an object's key begins with. No two datasets' prefixes contain each other.
    pub fn dataset_of_key(&self, key: &str) -> Option<&Dataset> {
        self.datasets
            .values()
            .find(|dataset| dataset.files().is_some_and(|files| key.starts_with(&files.prefix)))
    }

    /// Ends a dataset: it is used up to a day at most, whatever was said before.
    pub fn expire(&mut self, dataset: &DatasetName, until: Date) {
        if let Some(dataset) = self.datasets.get_mut(dataset)
            && dataset.retention.until.is_none_or(|known| until < known)
        {
            dataset.retention.until = Some(until);
            dataset.retention.ordered = true;
        }
    }

    /// Ends the contract of a partner and all of its datasets.
    pub fn offboard(&mut self, partner: &PartnerName, until: Date) {
        for dataset in self.datasets_of(partner) {
            self.expire(&dataset, until);
        }
        let contract = self.partners.get_mut(partner).and_then(|partner| partner.contract.as_mut());
        if let Some(contract) = contract.filter(|contract| contract.ends.is_none_or(|known| until < known)) {
            contract.ends = Some(until);
            contract.ordered = true;
        }
    }

    /// The last day of a dataset's use, where a command has ended it; also of one that has left the project since.
    pub fn ordered_end(&self, dataset: &DatasetName) -> Option<Date> {
        match self.datasets.get(dataset) {
            Some(dataset) => dataset.retention.until.filter(|_| dataset.retention.ordered),
            None => self.former.datasets.get(dataset)?.ended,
        }
    }

    /// The last day of a partner's contract, where a command has ended it; also of one who has left the project since.
    pub fn ordered_contract_end(&self, partner: &PartnerName) -> Option<Date> {
        match self.partners.get(partner) {
            Some(partner) => {
                let contract = partner.contract.as_ref().filter(|contract| contract.ordered);
                contract.and_then(|contract| contract.ends)
            }
            None => self.former.partners.get(partner).copied(),
        }
    }

    /// The schema by which a dataset's records are stored; also of one that has left the project.
    pub fn schema_of(&self, dataset: &DatasetName) -> Option<&Schema> {
        match self.datasets.get(dataset) {
            Some(dataset) => self.schemas.get(&dataset.schema),
            None => Some(&self.former.datasets.get(dataset)?.schema),
        }
    }

    /// The datasets that a partner supplies.
    pub fn datasets_of(&self, partner: &PartnerName) -> BTreeSet<DatasetName> {
        let theirs = self.datasets.values().filter(|dataset| dataset.partner.as_ref() == Some(partner));
        theirs.map(|dataset| dataset.name.clone()).collect()
    }

    /// The partner that supplies a dataset.
    pub fn partner_of(&self, dataset: &Dataset) -> Option<&Partner> {
        dataset.partner.as_ref().and_then(|name| self.partners.get(name))
    }

    /// The labels of a dataset's field: its own and those of the whole dataset. What a partner supplies is
    /// Third-Party, whether its schema says so or not.
    pub fn labels(&self, dataset: &Dataset, field: &FieldPath) -> BTreeSet<Label> {
        let mut labels = dataset.labels.clone();
        if let Some(field) = self.schemas.get(&dataset.schema).and_then(|schema| schema.field(field)) {
            labels.extend(field.labels.iter().cloned());
        }
        if dataset.partner.is_some() {
            labels.insert(THIRD_PARTY.into());
        }
        labels
    }

    /// Every dataset and leaf field that can supply a path, or something below it, under a merge policy. Events are not
    /// merged: every dataset of events can supply an event's field.
    pub fn suppliers(&self, path: &FieldPath, merge_policy: &MergePolicyName) -> Vec<(&Dataset, FieldPath)> {
        let of_event = event_path(path);
        let (class, path) = match &of_event {
            Some(path) => (Class::ExperienceEvent, path),
            None => (Class::Profile, path),
        };
        let policy = self.merge_policies.get(merge_policy).filter(|_| class == Class::Profile);
        let merges = |dataset: &Dataset| policy.is_none_or(|policy| policy.attributes.merges(&dataset.name));
        let mut suppliers = Vec::new();
        for dataset in self.datasets.values().filter(|dataset| merges(dataset)) {
            let schema = self.schemas.get(&dataset.schema).filter(|schema| schema.class == class);
            let leaves = schema.map(Schema::leaves).unwrap_or_default().into_iter();
            let leaves = leaves.filter(|(leaf, _)| leaf.is_within(path) || path.is_within(leaf));
            suppliers.extend(leaves.map(|(leaf, _)| (dataset, leaf)));
        }
        suppliers
    }

    /// Whether any dataset makes prospects of rows whose partner's ID nobody holds.
    pub fn has_prospects(&self) -> bool {
        self.datasets.values().any(|dataset| dataset.on_unmatched == OnUnmatched::Prospect)
    }

    /// What partners' scripts say through a datastream: the datasets that hold it, and how.
    pub fn signals(
        &self,
        datastream: &DatastreamName,
    ) -> impl Iterator<Item = (&Dataset, &DatastreamSource)> {
        let of = move |dataset| Some((dataset, Dataset::events(dataset)?));
        self.datasets
            .values()
            .filter_map(of)
            .filter(move |(_, events)| events.datastream == *datastream && !events.fields.is_empty())
    }

    /// Every dataset and field that can give a profile an identity of a namespace.
    ///
    /// A dataset whose rows only find profiles by that identity supplies none: the profile had it before. That is so
    /// where rows without a profile are set aside and no second identity of the row could be linked by the first. A
    /// dataset that is keyed by a partner's ID finds who holds it already.
    pub fn identity_suppliers(&self, namespace: &NamespaceCode) -> Vec<(&Dataset, FieldPath)> {
        let mut suppliers = Vec::new();
        for dataset in self.datasets.values() {
            let identities = self.schemas.get(&dataset.schema).map(Schema::identities).unwrap_or_default();
            let links =
                |code: &NamespaceCode| self.namespace(code).is_some_and(|known| known.kind.links_people());
            let linking = identities.iter().filter(|(_, identity)| links(&identity.namespace)).count();
            let only_finds = dataset.on_unmatched == OnUnmatched::SetAside
                && if links(namespace) { linking < 2 } else { linking == 0 };
            if !only_finds {
                let mine = identities.into_iter().filter(|(_, identity)| identity.namespace == *namespace);
                suppliers.extend(mine.map(|(path, _)| (dataset, path)));
            }
        }
        suppliers
    }

    /// Names everything that decides an audience's memberships: its expression, its merge policy, the datasets that
    /// can supply what it reads, and the same of every audience that it refers to.
    pub fn definition(&self, audience: &AudienceName) -> DefinitionHash {
        let mut audiences = self.with_references(audience);
        audiences.sort_by_key(|audience| &audience.name);
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for audience in audiences {
            parts.push(audience.name.as_str().into());
            parts.push(audience.expression.as_bytes().into());
            if audience.of == Population::Prospects {
                parts.push(b"prospects".into());
            }
            let policy = self.merge_policies.get(&audience.merge_policy);
            // INVARIANT: a merge policy is names and words, which JSON can always write.
            parts.push(serde_json::to_vec(&policy).unwrap_or_default());
            for path in &audience.reads {
                let suppliers = self.suppliers(path, &audience.merge_policy);
                parts.extend(
                    suppliers.into_iter().map(|(dataset, field)| format!("{} {field}", dataset.name).into()),
                );
            }
        }
        DefinitionHash::of(parts.iter().map(Vec::as_slice))
    }

    /// An audience and every audience that its definition refers to, directly or through others.
    pub fn with_references(&self, audience: &AudienceName) -> Vec<&Audience> {
        let mut seen: BTreeSet<&AudienceName> = BTreeSet::new();
        let mut found = Vec::new();
        let mut open = vec![audience];
        while let Some(name) = open.pop() {
            if let Some(audience) = self.audiences.get(name)
                && seen.insert(&audience.name)
            {
                open.extend(&audience.refers_to);
                found.push(audience);
            }
        }
        found
    }
}
