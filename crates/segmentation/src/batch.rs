//! The audiences that are evaluated on schedule, over whole profiles.

use domain::audience::{Evaluation, Population};
use domain::catalogue::Catalogue;
use domain::membership::Finding;
use domain::merge::MergePolicy;
use domain::profile::Profile;
use domain::value::Object;
use jiff::Timestamp;
use pql::{Answers, Page, Subject};

use crate::compiled::{InvalidAudience, Together, Unions};

/// The audiences of a catalogue that are evaluated on schedule.
#[derive(Debug)]
pub struct Audiences<'a> {
    catalogue: &'a Catalogue,
    together: Together,
    /// The merge policies that they name: what of a profile each makes is one of the plan's views.
    merge_policies: Vec<&'a MergePolicy>,
}

/// What the audiences find of each of some profiles.
#[derive(Debug)]
pub struct Findings<'a> {
    together: &'a Together,
    answers: Answers,
    /// Where in the answers each profile stands, if it stands for anybody, and whom it does.
    rows: Vec<Option<(usize, Population)>>,
}

impl<'a> Audiences<'a> {
    /// Compiles the audiences of a catalogue.
    ///
    /// # Errors
    /// The first audience that is no expression over the catalogue's fields, or that refers to itself.
    pub fn compile(catalogue: &'a Catalogue) -> Result<Audiences<'a>, InvalidAudience> {
        let unions = Unions::of(catalogue);
        let mut merge_policies: Vec<&MergePolicy> = Vec::new();
        let view = |_: &_, policy: &'a MergePolicy| {
            let known = merge_policies.iter().position(|known| known.name == policy.name);
            known.unwrap_or_else(|| {
                merge_policies.push(policy);
                merge_policies.len() - 1
            })
        };
        let together = Together::plan(catalogue, &unions.schemas(), Evaluation::Batch, |_| true, view)?;
        Ok(Audiences { catalogue, together, merge_policies })
    }

    /// What each audience finds of each of some profiles. `started` is the instant of evaluation, one for a whole run; what
    /// of a profile may be used is decided as of `now`.
    ///
    /// A profile of which nothing may be used stands for nobody: its datasets have ended, or it lost a race at its birth,
    /// say. It is in no audience, though it would satisfy all that ask for the absence of something. No more is a prospect in an audience of customers.
    pub fn find(&self, profiles: &[Profile], started: Timestamp, now: Timestamp) -> Findings<'_> {
        let mut somebody = Vec::with_capacity(profiles.len());
        let mut rows = Vec::with_capacity(profiles.len());
        for profile in profiles {
            let stands_for_somebody = profile.usable(self.catalogue, now).next().is_some();
            rows.push(stands_for_somebody.then(|| (somebody.len(), profile.population())));
            if stands_for_somebody {
                somebody.push((self.views(profile, now), self.known(profile)));
            }
        }
        let subjects: Vec<Subject<'_>> = somebody
            .iter()
            .map(|(attributes, audiences)| Subject { attributes, events: &[], audiences })
            .collect();
        let answers = Page::new(&self.together.plan, &subjects, started).evaluate();
        Findings { together: &self.together, answers, rows }
    }

    /// A profile's attributes, as each merge policy has them.
    fn views(&self, profile: &Profile, now: Timestamp) -> Vec<Object> {
        let policies = self.merge_policies.iter();
        policies.map(|policy| profile.merged(self.catalogue, policy, now).attributes).collect()
    }

    /// Whether a profile's visitors are in each of the edge audiences that these refer to.
    fn known(&self, profile: &Profile) -> Vec<bool> {
        self.together.known(|name, definition| profile.is_in_at_edge(name, definition))
    }
}

impl Findings<'_> {
    /// What was found of the profile of a place.
    pub fn of(&self, place: usize) -> impl Iterator<Item = Finding<'_>> {
        let somebody = self.rows.get(place).copied().flatten();
        let findings = self.together.findings(&self.answers, somebody.map(|(row, _)| row));
        findings.map(move |(finding, of)| {
            let is_meant = somebody.is_some_and(|(_, population)| population == of);
            Finding { member: finding.member && is_meant, ..finding }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::audience::{Audience, DefinitionHash, Population};
    use domain::catalogue::FORMAT;
    use domain::dataset::{Dataset, FileSource, Format, OnUnmatched, Source, WriteMode};
    use domain::former::Former;
    use domain::fragment::{OrderToken, Record, WriteRules, decide};
    use domain::graph::Graph;
    use domain::identity::Keyring;
    use domain::merge::{AttributeMerge, IdentityGraph};
    use domain::namespace::Namespace;
    use domain::schema::{Class, Field, FieldType, Fields, Schema};
    use domain::value::{Object, Value};
    use std::collections::{BTreeMap, BTreeSet};

    fn audience(name: &str, expression: &str, refers_to: &[&str]) -> Audience {
        Audience {
            name: name.parse().unwrap(),
            title: name.to_owned(),
            description: String::new(),
            expression: expression.to_owned(),
            merge_policy: "newest".parse().unwrap(),
            evaluation: Evaluation::Batch,
            of: Population::Customers,
            reads: BTreeSet::new(),
            refers_to: refers_to.iter().map(|name| name.parse().unwrap()).collect(),
            definition: DefinitionHash::default(),
        }
    }

    fn catalogue(audiences: impl IntoIterator<Item = Audience>) -> Catalogue {
        let schema = Schema {
            name: "customer".parse().unwrap(),
            title: String::new(),
            description: None,
            class: Class::Profile,
            fields: Fields::from([("plan".to_owned(), Field::of(FieldType::String))]),
        };
        let dataset = Dataset {
            name: "crm".parse().unwrap(),
            title: String::new(),
            schema: schema.name.clone(),
            partner: None,
            labels: BTreeSet::new(),
            source: Source::Files(FileSource {
                prefix: "crm/".to_owned(),
                format: Format::Csv,
                columns: BTreeMap::new(),
                ignored_columns: BTreeSet::new(),
                row_time: None,
                file_time: None,
            }),
            write_mode: WriteMode::Replace,
            on_unmatched: OnUnmatched::Create,
            error_threshold: 0.0,
            approve_above: 10.0,
            retention: domain::dataset::Retention::default(),
        };
        let newest = MergePolicy {
            name: "newest".parse().unwrap(),
            default: true,
            identity_graph: IdentityGraph::Private,
            active_on_edge: false,
            attributes: AttributeMerge::TimestampOrdered,
        };
        Catalogue {
            format: FORMAT,
            title: String::new(),
            namespaces: Namespace::standard(),
            partners: BTreeMap::new(),
            schemas: BTreeMap::from([(schema.name.clone(), schema)]),
            datasets: BTreeMap::from([(dataset.name.clone(), dataset)]),
            merge_policies: BTreeMap::from([(newest.name.clone(), newest)]),
            policies: BTreeMap::new(),
            consent_policies: BTreeMap::new(),
            audiences: audiences.into_iter().map(|each| (each.name.clone(), each)).collect(),
            destinations: BTreeMap::new(),
            dataflows: BTreeMap::new(),
            datastreams: BTreeMap::new(),
            offers: BTreeMap::new(),
            pseudonymous: None,
            former: Former::default(),
        }
    }

    fn profile(plan: &str, catalogue: &Catalogue) -> Profile {
        let email = catalogue.namespaces.iter().find(|each| each.code.as_str() == "Email").unwrap();
        let keyring = Keyring::new(1, &[7; 32]).unwrap();
        let primary = keyring.identity(email, "bobby.bank@example.com").unwrap();
        let record = Record {
            token: OrderToken { time: 1, batch: 1, row: 1 },
            primary: primary.clone(),
            others: Vec::new(),
            partner_ids: BTreeSet::new(),
            attributes: Object::from([("plan".to_owned(), Value::String(plan.to_owned()))]),
        };
        let crm = "crm".parse().unwrap();
        let rules = WriteRules {
            mode: WriteMode::Replace,
            keyed_by_partner_id: false,
            row_times: false,
            confirm_after: None,
            today: 0,
        };
        let domain::fragment::Change::Written(fragment) = decide(None, &record, rules) else { panic!() };
        let graph = Graph::born(&record, &crm);
        let fragments = graph.fragments.iter().cloned().map(|key| (key, fragment.clone())).collect();
        Profile {
            id: keyring.profile_id(&primary.key, 0),
            graph,
            fragments,
            memberships: domain::membership::Memberships::default(),
            edge_memberships: BTreeMap::new(),
            deliveries: BTreeMap::new(),
        }
    }

    fn members(catalogue: &Catalogue, plan: &str) -> Vec<String> {
        audiences_of(catalogue, &profile(plan, catalogue))
    }

    fn audiences_of(catalogue: &Catalogue, profile: &Profile) -> Vec<String> {
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        let audiences = Audiences::compile(catalogue).unwrap();
        // Whoever stands beside somebody that is nobody, and in a crowd, is in the same audiences.
        let nobody = Profile { fragments: BTreeMap::new(), ..profile.clone() };
        let crowd: Vec<Profile> =
            (0..100).map(|place| if place % 3 == 0 { nobody.clone() } else { profile.clone() }).collect();
        let members = |profiles: &[Profile], place: usize| -> BTreeSet<String> {
            let findings = audiences.find(profiles, now, now);
            findings.of(place).filter(|each| each.member).map(|each| each.audience.to_string()).collect()
        };
        assert!(members(&crowd, 99).is_empty());
        let alone = members(std::slice::from_ref(profile), 0);
        assert_eq!(members(&crowd, 98), alone);
        alone.into_iter().collect()
    }

    #[test]
    fn an_audience_sees_what_those_that_it_refers_to_found() {
        // By name the ones that refer come before those that they refer to.
        let catalogue = catalogue([
            audience("a", "inSegment(\"b\") and inSegment(\"c\")", &["b", "c"]),
            audience("b", "inSegment(\"c\")", &["c"]),
            audience("c", "plan = \"gold\"", &[]),
            audience("d", "not inSegment(\"a\")", &["a"]),
        ]);
        assert_eq!(members(&catalogue, "gold"), ["a", "b", "c"]);
        assert_eq!(members(&catalogue, "basic"), ["d"]);
    }

    #[test]
    fn a_profile_without_fragments_is_in_no_audience() {
        let catalogue = catalogue([
            audience("a", "not (plan = \"gold\")", &[]),
            audience("b", "not inSegment(\"c\")", &["c"]),
            audience("c", "plan = \"gold\"", &[]),
        ]);
        let mut born = profile("basic", &catalogue);
        assert_eq!(audiences_of(&catalogue, &born), ["a", "b"]);
        born.fragments.clear();
        assert!(audiences_of(&catalogue, &born).is_empty());
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        let audiences = Audiences::compile(&catalogue).unwrap();
        let findings = audiences.find(&[born], now, now);
        assert_eq!(findings.of(0).count(), 3, "whoever was in an audience has left it");
    }

    #[test]
    fn audiences_that_refer_to_each_other_are_refused_by_name() {
        let circle =
            catalogue([audience("a", "inSegment(\"b\")", &["b"]), audience("b", "inSegment(\"a\")", &["a"])]);
        let error = Audiences::compile(&circle).unwrap_err().to_string();
        assert!(error.starts_with("audience `a` cannot be evaluated: "), "{error}");
    }

    #[test]
    fn an_expression_that_does_not_fit_the_schemas_is_refused_by_name() {
        let error = Audiences::compile(&catalogue([audience("a", "plam = 1", &[])])).unwrap_err().to_string();
        assert!(error.starts_with("audience `a` cannot be evaluated: ") && error.contains("plam"), "{error}");
    }
}
