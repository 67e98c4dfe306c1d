//! The audiences that are evaluated on schedule, over whole profiles.

use std::collections::BTreeMap;

use domain::audience::Evaluation;
use domain::catalogue::Catalogue;
use domain::membership::Finding;
use domain::merge::MergePolicy;
use domain::name::{AudienceName, MergePolicyName};
use domain::profile::Profile;
use jiff::Timestamp;

use crate::compiled::{Compiled, NoPredicate, Unions, Views, check, find, in_order, merge_policy};

/// The audiences of a catalogue that are evaluated on schedule, each after those that it refers to.
#[derive(Debug)]
pub struct Audiences<'a> {
    catalogue: &'a Catalogue,
    compiled: Vec<Compiled>,
    /// The merge policies that they name.
    merge_policies: BTreeMap<&'a MergePolicyName, &'a MergePolicy>,
}

impl<'a> Audiences<'a> {
    /// Compiles the audiences of a catalogue.
    ///
    /// # Errors
    /// The first audience that is no expression over the catalogue's fields, or that refers to itself.
    pub fn compile(catalogue: &'a Catalogue) -> Result<Audiences<'a>, NoPredicate> {
        let unions = Unions::of(catalogue);
        let mut audiences = Audiences { catalogue, compiled: Vec::new(), merge_policies: BTreeMap::new() };
        let ordered = in_order(catalogue)?.into_iter();
        for audience in ordered.filter(|audience| audience.evaluation == Evaluation::Batch) {
            let policy = merge_policy(audience, catalogue)?;
            audiences.merge_policies.insert(&policy.name, policy);
            audiences.compiled.push(Compiled::new(audience, check(audience, &unions.schemas())?));
        }
        Ok(audiences)
    }

    /// What each audience finds of a profile. `started` is the instant of evaluation, one for a whole run; what of the
    /// profile may be used is decided as of `now`.
    ///
    /// A profile without fragments stands for nobody: it lost a race at its birth, say. It is in no audience, though it
    /// would satisfy all that ask for the absence of something. No more is a prospect in an audience of customers.
    pub fn find(
        &self,
        profile: &Profile,
        started: Timestamp,
        now: Timestamp,
    ) -> BTreeMap<AudienceName, Finding> {
        let merged = |policy| profile.merged(self.catalogue, policy, now).attributes;
        let views = self.merge_policies.iter().map(|(name, policy)| (*name, merged(policy)));
        let views = Views(views.collect());
        let is_in_at_edge = |id: &str| self.is_in_at_edge(profile, id);
        let mut findings = find(&self.compiled, &views, &[], is_in_at_edge, started);
        let is_meant = |name: &AudienceName| {
            self.catalogue.audiences.get(name).is_some_and(|audience| audience.of == profile.population())
        };
        for (name, finding) in &mut findings {
            finding.member &= !profile.fragments.is_empty() && is_meant(name);
        }
        findings
    }

    /// Whether a profile's visitors are in an edge audience, as it is defined now.
    fn is_in_at_edge(&self, profile: &Profile, audience: &str) -> bool {
        let audience =
            audience.parse().ok().and_then(|name: AudienceName| self.catalogue.audiences.get(&name));
        audience.is_some_and(|audience| profile.is_in_at_edge(&audience.name, &audience.definition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::audience::{Audience, DefinitionHash, Population};
    use domain::catalogue::FORMAT;
    use domain::dataset::{Dataset, FileSource, Format, OnUnmatched, Source, WriteMode};
    use domain::fragment::{OrderToken, Record, WriteRules, decide};
    use domain::graph::Graph;
    use domain::identity::Keyring;
    use domain::merge::AttributeMerge;
    use domain::namespace::Namespace;
    use domain::schema::{Class, Field, FieldType, Fields, Schema};
    use domain::value::{Object, Value};
    use std::collections::BTreeSet;

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
        let findings = Audiences::compile(catalogue).unwrap().find(profile, now, now);
        findings.into_iter().filter(|(_, finding)| finding.member).map(|(name, _)| name.to_string()).collect()
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
        let findings = Audiences::compile(&catalogue).unwrap().find(&born, now, now);
        assert_eq!(findings.len(), 3, "whoever was in an audience has left it");
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
