//! A stack of a test's own, and what a person does with it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use aws::{Deployment, Store};
use aws_config::SdkConfig;
use domain::batch::{Batch, Counts};
use domain::name::DatasetName;
use serde_json::Value;

use super::variable;
use crate::example::Example;

/// How often is looked whether what is waited for is there.
const LOOKED_EVERY: Duration = Duration::from_millis(100);

/// How long a file may take to be ingested.
const INGESTED_WITHIN: Duration = Duration::from_secs(600);

/// A deployed stack, and a project that is not applied yet.
#[derive(Debug)]
pub struct Deployed {
    /// The stack's name.
    pub name: String,
    /// The store, as functions see it.
    pub store: Store,
    /// The clients' configuration, for what tests look at besides the store.
    pub config: SdkConfig,
    /// The project.
    pub project: Example,
    environment: BTreeMap<String, String>,
}

impl Deployed {
    /// Deploys the template with some parameters, each as `Name=value`. Nothing in it is scheduled, so that what happens
    /// happens because a test has it happen.
    ///
    /// # Panics
    /// Where it cannot be deployed.
    pub async fn start(parameters: &[&str]) -> Deployed {
        let deployed = Deployed::with(Example::copy(), parameters).await;
        deployed.put_secret("destinations/facebook", r#"{"access_token": "stand-in-token"}"#).await;
        deployed
    }

    /// Deploys the template for a project, as [`Deployed::start`] does.
    ///
    /// # Panics
    /// Where it cannot be deployed.
    pub async fn with(project: Example, parameters: &[&str]) -> Deployed {
        let name = format!("t{}", ulid::Ulid::generate().to_string().to_lowercase());
        let environment = deploy(&name, parameters);
        let value = |name: &str| environment.get(name).cloned().unwrap_or_default();
        let deployment = Deployment {
            profiles: value("TRIBUTARY_PROFILES"),
            identities: value("TRIBUTARY_IDENTITIES"),
            ledger: value("TRIBUTARY_LEDGER"),
            inbox: value("TRIBUTARY_INBOX"),
            control: value("TRIBUTARY_CONTROL"),
            data: value("TRIBUTARY_DATA"),
            exports: value("TRIBUTARY_EXPORTS"),
            events: value("TRIBUTARY_EVENTS"),
            events_stream: value("TRIBUTARY_EVENTS_STREAM"),
            events_queue: value("TRIBUTARY_EVENTS_QUEUE"),
            chunks_queue: value("TRIBUTARY_CHUNKS_QUEUE"),
            visitors_queue: value("TRIBUTARY_VISITORS_QUEUE"),
            slices_queue: value("TRIBUTARY_SLICES_QUEUE"),
            wakes_queue: value("TRIBUTARY_WAKES_QUEUE"),
            secrets_prefix: value("TRIBUTARY_SECRETS_PREFIX"),
        };
        let config = aws_config::load_from_env().await;
        let store = Store::of(deployment, &config);
        Deployed { name, store, config, project, environment }
    }

    /// Keeps a secret under a name below the deployment's prefix.
    ///
    /// # Panics
    /// Where it cannot be kept.
    pub async fn put_secret(&self, name: &str, secret: &str) {
        aws_sdk_secretsmanager::Client::new(&self.config)
            .create_secret()
            .name(format!("{}{name}", self.store.deployment.secrets_prefix))
            .secret_string(secret)
            .send()
            .await
            .expect("a secret is made");
    }

    /// The queue of S3's notifications.
    pub fn inbox_queue(&self) -> &str {
        self.environment.get("TRIBUTARY_INBOX_QUEUE").expect("the stack says where its queues are")
    }

    /// The variables that functions and the command line are given.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Runs the `tributary` command, and answers the JSON that it prints.
    ///
    /// # Panics
    /// Where the command fails.
    pub fn tributary(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(variable("TRIBUTARY_CLI"));
        command.args(arguments).args(["--format", "json"]).envs(&self.environment);
        let output = command.output().expect("TRIBUTARY_CLI is the `tributary` command");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`tributary {}` failed: {errors}", arguments.join(" "));
        serde_json::from_slice(&output.stdout).expect("the command prints JSON")
    }

    /// Brings the project as it is in its folder into force.
    pub fn apply(&self) -> Value {
        self.tributary(&["apply", &self.project.path().display().to_string()])
    }

    /// Asks for a run through the queue, and waits for its end. Answers with the run.
    pub fn evaluate(&self) -> Value {
        self.tributary(&["evaluate", "--now", "--wait", "--timeout", "240"])
    }

    /// Puts a file in the inbox.
    ///
    /// # Panics
    /// Where the bucket does not take it.
    pub async fn upload(&self, key: &str, content: impl AsRef<[u8]>) {
        let (inbox, content) = (&self.store.deployment.inbox, content.as_ref().to_vec());
        self.store.objects.write(inbox, key, content, "text/csv").await.expect("a file is put");
    }

    /// Puts a file in the inbox and waits until its batch has ended. Answers with what became of it.
    pub async fn bring(&self, dataset: &str, key: &str, content: impl AsRef<[u8]>) -> (Batch, Counts) {
        self.upload(key, content).await;
        eventually("the batch ends", INGESTED_WITHIN, async || {
            self.batch(dataset, key).await.filter(|(batch, _)| batch.status.has_ended())
        })
        .await
    }

    /// The batch of a file, and what has become of its rows so far.
    ///
    /// # Panics
    /// Where the ledger cannot be read.
    pub async fn batch(&self, dataset: &str, key: &str) -> Option<(Batch, Counts)> {
        let dataset: DatasetName = dataset.parse().expect("a dataset's name");
        let ledger = &self.store.ledger;
        let batches = ledger.batches(Some(&dataset)).await.expect("the ledger is read");
        let batch = batches.into_iter().find(|batch| batch.key == key)?;
        let mut counts = batch.checked.clone();
        for chunk in ledger.chunks(batch.number).await.expect("the ledger is read") {
            counts.add(&chunk.counts);
        }
        Some((batch, counts))
    }
}

/// Waits until `look` finds something.
///
/// # Panics
/// Where it finds nothing within that time.
pub async fn eventually<T>(what: &str, within: Duration, look: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < within {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(LOOKED_EVERY).await;
    }
    panic!("waited {} s in vain: {what}", within.as_secs())
}

/// Deploys the functions as they are built.
fn deploy(name: &str, parameters: &[&str]) -> BTreeMap<String, String> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let fixed = [
        format!("SecretsPrefix={name}/"),
        format!("Architecture={architecture}"),
        "ScheduleExpression=rate(1 day)".to_owned(),
    ];
    let mut xtask = Command::new(variable("TRIBUTARY_XTASK"));
    xtask.args(["deploy", "--built", "--stack", name]);
    for parameter in parameters.iter().copied().chain(fixed.iter().map(String::as_str)) {
        xtask.args(["--parameter", parameter]);
    }
    let output = xtask.output().expect("TRIBUTARY_XTASK is the `xtask` command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let exports = String::from_utf8(output.stdout).expect("variables are printed");
    let pairs = exports.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}
