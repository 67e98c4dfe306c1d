//! `tributary profile show`: what is known of a person, found by any of their identities.

mod cards;
pub(crate) mod lookup;
mod reply;
mod view;

use std::process::ExitCode;

use anyhow::{Context, Result};
use aws::Store;
use clap::{Parser, Subcommand};
use domain::catalogue::Catalogue;
use domain::merge::MergePolicy;
use domain::name::MergePolicyName;
use domain::namespace::{Namespace, NamespaceCode};
use domain::profile::Profile;
use jiff::Timestamp;

use crate::FINDINGS;
use crate::connection::{in_force, with_store};
use crate::terminal::{self, Format, print};
use view::View;

/// Look at profiles
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(Args),
}

/// Show what is known of a person
///
/// Any identity finds a profile: an e-mail address in clear or hashed, a CRM ID, a partner's ID. A partner's ID can find
/// several, as it links nobody. A pseudonymous profile that has expired is shown no more. `--format json` has the shape of
/// the documented reply of a profile lookup, with what Tributary adds under `tributary`.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary profile show --namespace Email --value bobby.bank@example.com
  tributary profile show --namespace NorthlightID --value NL-0001
  tributary profile show --namespace Email --value bobby.bank@example.com --format json

Exit codes: 0 shown; 1 no profile has this identity; 2 could not be done.")]
pub(crate) struct Args {
    /// The namespace of the identity
    #[arg(long)]
    namespace: NamespaceCode,
    /// The identity
    #[arg(long)]
    value: String,
    /// The merge policy of the view; the project's default one where it is not named
    #[arg(long)]
    merge_policy: Option<MergePolicyName>,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::Show(args) = command;
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let namespace = namespace(&catalogue, &args.namespace)?;
        let policy = merge_policy(&catalogue, args.merge_policy.as_ref())?;
        let identity = store.keyring().await?.identity(namespace, &args.value)?;
        let now = Timestamp::now();
        let mut profiles = lookup::profiles(store, &catalogue, namespace, &identity, now).await?;
        profiles.retain(|profile| !profile.has_expired(&catalogue, now));
        let views: Vec<View> =
            profiles.iter().map(|profile| View::of(profile, &catalogue, policy, now)).collect();
        match args.format {
            Format::Json => terminal::print_json(&reply::document(&views, &identity.key))?,
            Format::Text if views.is_empty() => {
                let error = anyhow::anyhow!("no profile has this identity of namespace `{}`", namespace.code);
                terminal::print_error(&error);
            }
            Format::Text => views.iter().for_each(|view| print!("{}", cards::text(view))),
        }
        Ok(if views.is_empty() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    })
}

/// The profiles that have an identity.
///
/// # Errors
/// Where the namespace is unknown, or the value is none of it.
pub(crate) async fn find(
    store: &Store,
    catalogue: &Catalogue,
    code: &NamespaceCode,
    value: &str,
    now: Timestamp,
) -> Result<Vec<Profile>> {
    let namespace = namespace(catalogue, code)?;
    let identity = store.keyring().await?.identity(namespace, value)?;
    let mut profiles = lookup::profiles(store, catalogue, namespace, &identity, now).await?;
    profiles.retain(|profile| !profile.has_expired(catalogue, now));
    Ok(profiles)
}

pub(crate) fn namespace<'a>(catalogue: &'a Catalogue, code: &NamespaceCode) -> Result<&'a Namespace> {
    let known = || catalogue.namespaces.iter().map(|known| format!("`{}`", known.code)).collect::<Vec<_>>();
    catalogue.namespace(code).with_context(|| {
        format!("the catalogue in force has no namespace `{code}`: expected one of {}", known().join(", "))
    })
}

fn merge_policy<'a>(catalogue: &'a Catalogue, name: Option<&MergePolicyName>) -> Result<&'a MergePolicy> {
    let policies = &catalogue.merge_policies;
    match name {
        None => policies.values().find(|policy| policy.default).context("no merge policy is the default"),
        Some(name) => policies.get(name).with_context(|| {
            let known: Vec<_> = policies.keys().map(|name| format!("`{name}`")).collect();
            format!(
                "the catalogue in force has no merge policy `{name}`: expected one of {}",
                known.join(", ")
            )
        }),
    }
}
