//! `tributary graph show`: which identities are one person, by whose word, and which links do not stand.

use std::process::ExitCode;

use anyhow::{Context, Result};
use aws::Store;
use clap::Parser;
use domain::catalogue::Catalogue;
use domain::graph::{DroppedLink, Edge, Graph};
use domain::identity::{Identity, IdentityKey, ProfileId};
use domain::namespace::NamespaceCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::FINDINGS;
use crate::connection::{in_force, with_store};
use crate::table::Table;
use crate::terminal::{self, Format, print};
use crate::words::time;

/// Show the stored graph of a person
///
/// The identities that are one person, the links between them with the time and the dataset of the newest record that
/// asked for each, the links that do not stand, each with its reason, and the splits that people made. An identity that
/// is somebody else's is named by its key alone.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary graph show --namespace CRMID --value C-1
  tributary graph show --namespace Email --value bobby.bank@example.com --format json

Exit codes: 0 shown; 1 nobody has this identity; 2 could not be done.")]
pub(crate) struct Args {
    #[command(flatten)]
    identity: Named,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// An identity.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The namespace of the identity
    #[arg(long)]
    namespace: NamespaceCode,
    /// The identity
    #[arg(long)]
    value: String,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let Some((_, profile, graph)) = args.identity.find(store, &catalogue).await? else {
            terminal::print_error(&args.identity.unknown());
            return Ok(ExitCode::from(FINDINGS));
        };
        match args.format {
            Format::Json => terminal::print_json(&document(&profile, &graph))?,
            Format::Text => print!("{}", text(&profile, &graph)),
        }
        Ok(ExitCode::SUCCESS)
    })
}

impl Named {
    /// The identity, and the profile that has it with its graph.
    pub(super) async fn find(
        &self,
        store: &Store,
        catalogue: &Catalogue,
    ) -> Result<Option<(Identity, ProfileId, Graph)>> {
        let identity = identity(store, catalogue, &self.namespace, &self.value).await?;
        let Some(named) = store.identities.link(&identity.key).await? else { return Ok(None) };
        Ok(store.live(&named).await?.map(|(profile, graph)| (identity, profile, graph)))
    }

    pub(super) fn unknown(&self) -> anyhow::Error {
        anyhow::anyhow!("no profile has this identity of namespace `{}`", self.namespace)
    }
}

pub(super) async fn identity(
    store: &Store,
    catalogue: &Catalogue,
    namespace: &NamespaceCode,
    value: &str,
) -> Result<Identity> {
    let known = catalogue.namespace(namespace);
    let known = known.with_context(|| format!("the catalogue in force has no namespace `{namespace}`"))?;
    Ok(store.keyring().await?.identity(known, value)?)
}

/// An identity as people read it: its own person's in clear, another's by its key.
fn name(graph: &Graph, key: &IdentityKey) -> String {
    let node = graph.identities.get(key);
    node.map_or_else(|| key.to_string(), |node| format!("{}:{}", node.namespace, node.value))
}

fn instant(milliseconds: u64) -> Timestamp {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

fn document(profile: &ProfileId, graph: &Graph) -> Value {
    let link = |edge: &Edge| {
        json!({
            "link": [name(graph, &edge.between.0), name(graph, &edge.between.1)],
            "at": instant(edge.at), "dataset": edge.source,
        })
    };
    let dropped = |dropped: &DroppedLink| {
        let mut document = link(&dropped.edge);
        if let Value::Object(members) = &mut document {
            members.insert("reason".to_owned(), json!(dropped.reason.to_string()));
        }
        document
    };
    let names = |keys: &std::collections::BTreeSet<IdentityKey>| -> Vec<String> {
        keys.iter().map(|key| name(graph, key)).collect()
    };
    json!({
        "profile": profile,
        "identities": graph.identities.iter().map(|(key, node)| json!({
            "key": key, "namespace": node.namespace, "value": node.value, "linkedAt": instant(node.linked),
        })).collect::<Vec<_>>(),
        "links": graph.edges.iter().map(link).collect::<Vec<_>>(),
        "dropped": graph.dropped.iter().map(dropped).collect::<Vec<_>>(),
        "splits": graph.splits.iter().map(|split| json!({
            "out": names(&split.out), "rest": names(&split.rest),
            "at": instant(split.at), "by": split.by, "reason": split.reason,
        })).collect::<Vec<_>>(),
        "isSettled": graph.arriving.is_empty(),
    })
}

fn text(profile: &ProfileId, graph: &Graph) -> String {
    let mut text = format!("profile {profile}\n\n");
    let mut table = Table::of(["identity", "linked"]);
    for (key, node) in &graph.identities {
        table.row([name(graph, key).into(), time(instant(node.linked)).into()]);
    }
    text.push_str(&table.to_string());
    let mut links = Table::of(["link", "", "asked for", "by", "does not stand because"]);
    let row = |edge: &Edge, why: String| {
        let [one, other] = [&edge.between.0, &edge.between.1].map(|key| name(graph, key));
        [one.into(), other.into(), time(instant(edge.at)).into(), edge.source.as_str().into(), why.into()]
    };
    for edge in &graph.edges {
        links.row(row(edge, String::new()));
    }
    for dropped in &graph.dropped {
        links.row(row(&dropped.edge, dropped.reason.to_string()));
    }
    if !graph.edges.is_empty() || !graph.dropped.is_empty() {
        text.push_str(&format!("\n{links}"));
    }
    for split in &graph.splits {
        let out: Vec<String> = split.out.iter().map(|key| name(graph, key)).collect();
        let (at, by, reason) = (time(instant(split.at)), &split.by, &split.reason);
        text.push_str(&format!("\nsplit at {at} by {by}: {} went out: {reason}\n", out.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::plain;

    fn graph() -> Graph {
        let key = |digit: char| format!("k1:{}", digit.to_string().repeat(32));
        serde_json::from_value(json!({
            "version": 3, "fragments": [], "born": "000001767225600-0000000001-0000000001",
            "identities": {
                key('a'): {"namespace": "CRMID", "value": "C-1", "linked": 1_767_225_600_000_u64},
                key('b'): {"namespace": "Email", "value": "bobby.bank@example.com", "linked": 1_767_225_600_000_u64},
            },
            "edges": [{"between": [key('a'), key('b')], "at": 1_767_225_600_000_u64, "source": "crm_customers"}],
            "dropped": [{
                "between": [key('a'), key('c')], "at": 1_767_139_200_000_u64, "source": "crm_customers",
                "dropped": 1_767_225_600_000_u64, "why": "unique", "namespace": "CRMID",
            }],
            "splits": [{
                "out": [key('d')], "rest": [key('a')], "at": 1_767_225_600_000_u64,
                "by": "ann", "reason": "her sister's address",
            }],
        }))
        .unwrap()
    }

    #[test]
    fn links_are_shown_with_their_source_and_those_that_do_not_stand_with_their_reason() {
        let profile = "7068dc39be88332324316bb359a10e78".parse().unwrap();
        let shown = plain(&text(&profile, &graph()));
        let another = format!("k1:{}", "c".repeat(32));
        for (what, line) in [
            (
                "a link",
                vec!["CRMID:C-1", "Email:bobby.bank@example.com", "2026-01-01 00:00:00Z", "crm_customers"],
            ),
            (
                "a dropped one",
                vec!["CRMID:C-1", another.as_str(), "2025-12-31", "namespace `CRMID` is unique"],
            ),
            ("a split", vec!["split at 2026-01-01", "by ann", "her sister's address"]),
        ] {
            let is_it = |shown: &str| line.iter().all(|word| shown.contains(word));
            assert!(shown.lines().any(is_it), "{what}: {shown}");
        }
        let document = document(&profile, &graph());
        assert_eq!(document["links"][0]["dataset"], "crm_customers");
        assert_eq!(document["dropped"][0]["link"], json!(["CRMID:C-1", another]));
        assert_eq!(document["splits"][0]["by"], "ann");
    }
}
