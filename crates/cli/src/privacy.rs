//! `tributary privacy`: what is held on a person.

mod access;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use aws::{InForce, Store};
use clap::{Args, Subcommand};
use domain::identity::{Identity, ProfileId};
use domain::namespace::{Namespace, NamespaceCode};
use domain::profile::Profile;
use jiff::Timestamp;

use crate::connection::in_force;
use crate::profile::{lookup, namespace};

/// What is held on a person
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Access(access::Args),
}

/// Whom it is about.
#[derive(Debug, Args)]
pub(crate) struct Whom {
    /// The namespace of the identity
    #[arg(long)]
    namespace: NamespaceCode,
    /// The identity
    #[arg(long)]
    value: String,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::Access(args) = command;
    access::run(args)
}

/// An identity and everybody who has it.
struct People {
    in_force: InForce,
    namespace: Namespace,
    identity: Identity,
    profiles: Vec<Profile>,
}

impl People {
    /// Everybody who has an identity: at most one, unless it is a partner's ID. Profiles that have become another are
    /// followed, and among them.
    async fn find(store: &Store, whom: &Whom, now: Timestamp) -> Result<People> {
        let in_force = in_force(store).await?;
        let namespace = namespace(&in_force.catalogue, &whom.namespace)?.clone();
        let identity = store.keyring().await?.identity(&namespace, &whom.value)?;
        let mut profiles = lookup::profiles(store, &in_force.catalogue, &namespace, &identity, now).await?;
        let linked = store.identities.link(&identity.key).await?;
        if let Some(merged) = linked.filter(|id: &ProfileId| profiles.iter().all(|known| known.id != *id)) {
            profiles.extend(store.profiles.load(&merged).await?);
        }
        // What has become part of a profile may still lie where it was.
        let arriving: BTreeSet<ProfileId> =
            profiles.iter().flat_map(|profile| profile.graph.arriving.iter().cloned()).collect();
        for id in
            arriving.iter().filter(|id| profiles.iter().all(|known| known.id != **id)).collect::<Vec<_>>()
        {
            profiles.extend(store.profiles.load(id).await?);
        }
        Ok(People { in_force, namespace, identity, profiles })
    }
}
