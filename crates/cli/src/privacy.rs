//! `tributary privacy`: what is held on a person, and its deletion.

mod access;
mod delete;
mod status;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use aws::{InForce, Store};
use clap::{Args, Subcommand};
use domain::identity::{Identity, ProfileId};
use domain::namespace::{Namespace, NamespaceCode};
use domain::profile::Profile;

use crate::connection::in_force;
use crate::profile::{lookup, namespace};

/// What is held on a person, and its deletion
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Access(access::Args),
    Delete(delete::Args),
    Status(status::Args),
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
    match command {
        Command::Access(args) => access::run(args),
        Command::Delete(args) => delete::run(args),
        Command::Status(args) => status::run(args),
    }
}

/// An identity and everybody who has it.
struct People {
    in_force: InForce,
    namespace: Namespace,
    identity: Identity,
    profiles: Vec<Profile>,
}

impl People {
    /// Everybody who has an identity, in use or not: at most one, unless it is a partner's ID. Profiles that have become another are
    /// followed, and among them.
    async fn find(store: &Store, whom: &Whom) -> Result<People> {
        let in_force = in_force(store).await?;
        let namespace = namespace(&in_force.catalogue, &whom.namespace)?.clone();
        let identity = store.keyring().await?.identity(&namespace, &whom.value)?;
        let mut profiles = lookup::stored(store, &namespace, &identity).await?;
        let mut former: BTreeSet<ProfileId> =
            store.identities.link(&identity.key).await?.into_iter().collect();
        for person in &mut profiles {
            former.extend(gather(store, person).await?);
        }
        for id in former {
            if profiles.iter().all(|known| known.id != id) {
                profiles.extend(store.profiles.load_all(&id).await?);
            }
        }
        Ok(People { in_force, namespace, identity, profiles })
    }

    /// Whether nobody can be meant but one person.
    fn links(&self) -> bool {
        self.namespace.kind.links_people()
    }
}

/// Adds to a person what is on its way to them and still lies with others, and answers with those of these who have
/// become the person as a whole. Of one who lives, and lost an identity to the person, nothing else is the person's.
async fn gather(store: &Store, person: &mut Profile) -> Result<Vec<ProfileId>> {
    let mut former = Vec::new();
    for id in person.graph.arriving.clone() {
        let Some(other) = store.profiles.load_all(&id).await? else { continue };
        if other.has_become_another() {
            former.push(id);
            continue;
        }
        let graph = &person.graph;
        let fragments = other.fragments.into_iter().filter(|(key, fragment)| {
            !fragment.is_keyed_by_partner_id() && graph.identities.contains_key(&key.primary)
        });
        let edge = other.edge_memberships.into_iter().filter(|(ecid, _)| graph.identities.contains_key(ecid));
        person.fragments.extend(fragments);
        person.edge_memberships.extend(edge);
    }
    Ok(former)
}
