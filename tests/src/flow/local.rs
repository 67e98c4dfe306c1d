//! A deployment of a test's own on LocalStack: tables, buckets, queues and secrets, as the template has them.

use std::collections::BTreeSet;

use aws::{Applied, Deployment, Moved, Store};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_firehose::types::ExtendedS3DestinationConfiguration;
use aws_sdk_s3::types::{
    BucketVersioningStatus, Event, NotificationConfiguration, QueueConfiguration, VersioningConfiguration,
};
use aws_sdk_sqs::types::QueueAttributeName;
use domain::catalogue::{Catalogue, Pointer};
use jiff::Timestamp;
use jiff::civil::Date;
use project::{Fault, Plugins, Project};

use crate::example::Example;

/// The key with which the shop's server signs who has logged in. It is invented.
pub const LOGIN_KEY: &str = "an invented key of the shop's own server, shared with nobody";

/// The key by which the shop's servers are known. It is invented.
pub const SERVER_KEY: &str = "an invented key of the shop's own servers, of forty bytes or more";

/// A deployment on an emulator.
#[derive(Debug)]
pub struct Local {
    /// The store, as functions see it.
    pub store: Store,
    /// The clients' configuration, for what tests look at besides the store.
    pub config: SdkConfig,
    /// The queue of S3's notifications.
    pub inbox_queue: String,
    /// The project.
    pub project: Example,
}

impl Local {
    /// Makes a deployment for a project on the LocalStack that `TRIBUTARY_TEST_LOCALSTACK` names.
    ///
    /// # Panics
    /// Where there is none, or it does not do as asked: nothing can be tested then.
    pub async fn start(project: Example) -> Local {
        let endpoint = std::env::var("TRIBUTARY_TEST_LOCALSTACK")
            .expect("TRIBUTARY_TEST_LOCALSTACK says where LocalStack is: run `cargo xtask test`");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(endpoint)
            .test_credentials()
            .load()
            .await;
        let name = format!("t{}", ulid::Ulid::generate().to_string().to_lowercase());
        let sqs = aws_sdk_sqs::Client::new(&config);
        let deployment = Deployment {
            profiles: table(&config, &format!("{name}-profiles"), true).await,
            identities: table(&config, &format!("{name}-identities"), false).await,
            ledger: table(&config, &format!("{name}-ledger"), false).await,
            inbox: format!("{name}-inbox"),
            control: format!("{name}-control"),
            data: format!("{name}-data"),
            exports: format!("{name}-exports"),
            events: format!("{name}-events"),
            events_stream: format!("{name}-events"),
            events_queue: queue(&sqs, &format!("{name}-events")).await,
            chunks_queue: queue(&sqs, &format!("{name}-chunks")).await,
            visitors_queue: queue(&sqs, &format!("{name}-visitors.fifo")).await,
            slices_queue: queue(&sqs, &format!("{name}-slices")).await,
            wakes_queue: queue(&sqs, &format!("{name}-wakes.fifo")).await,
            secrets_prefix: format!("{name}/"),
        };
        let inbox_queue = queue(&sqs, &format!("{name}-inbox")).await;
        buckets(&config, &deployment, &sqs, &inbox_queue).await;
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        for (secret, text) in [
            (
                "identity-key",
                r#"{"version": 1, "secret": "an invented secret of more than thirty-two bytes"}"#,
            ),
            ("destinations/facebook", r#"{"access_token": "stand-in-token"}"#),
            ("edge/shop-login", LOGIN_KEY),
            ("edge/shop-server", SERVER_KEY),
        ] {
            let name = format!("{name}/{secret}");
            secrets.create_secret().name(name).secret_string(text).send().await.expect("a secret is made");
        }
        stream(&config, &deployment).await;
        Local { store: Store::of(deployment, &config), config, inbox_queue, project }
    }

    /// The deployment's tables by DynamoDB Local itself, which `TRIBUTARY_TEST_DYNAMODB` names: LocalStack before it answers
    /// one call at a time, so that writers would hardly meet. Queues and objects are LocalStack's.
    ///
    /// # Panics
    /// Where there is none.
    pub fn tables(&self) -> Store {
        let endpoint = std::env::var("TRIBUTARY_TEST_DYNAMODB")
            .expect("TRIBUTARY_TEST_DYNAMODB says where DynamoDB Local is: run `cargo xtask test`");
        // DynamoDB Local keeps tables apart by the key of whoever asks, and LocalStack asks by account and region.
        let account = Credentials::new("000000000000useast1", "test", None, None, "test");
        let provider = SharedCredentialsProvider::new(account);
        let config = self.config.to_builder().endpoint_url(endpoint).credentials_provider(provider).build();
        let mut store = Store::of(self.store.deployment.clone(), &config);
        store.queues = self.store.queues.clone();
        store.objects = self.store.objects.clone();
        store
    }

    /// Applies the project as it is in its folder, as `tributary apply` does.
    ///
    /// # Panics
    /// Where it does not compile or somebody else applies too.
    pub async fn apply(&self) -> Catalogue {
        self.apply_on(domain::profile::day(Timestamp::now())).await
    }

    /// The same as on a day.
    ///
    /// # Panics
    /// As above.
    pub async fn apply_on(&self, today: Date) -> Catalogue {
        let in_force = self.store.catalogue().await.expect("the catalogue is read");
        let read = self.store.ledger.pointer().await.expect("the pointer is read");
        let previous = in_force.as_ref().map(|in_force| in_force.catalogue.as_ref());
        let project =
            Project::load(self.project.path(), &NoPlugins).unwrap_or_else(|problems| panic!("{problems}"));
        let compiled = project.compile(previous, today).unwrap_or_else(|problems| panic!("{problems}"));
        self.store.write_catalogue(&compiled.hash, compiled.bytes).await.expect("the catalogue is written");
        let sequence = read.as_ref().map_or(0, |read| read.sequence) + 1;
        let pointer = Pointer { sequence, catalogue: compiled.hash };
        let applied = Applied {
            pointer,
            at: Timestamp::now(),
            by: "a test".to_owned(),
            allowed: BTreeSet::new(),
            blocked: BTreeSet::new(),
        };
        let moved =
            self.store.ledger.move_pointer(read.as_ref(), &applied).await.expect("the pointer is moved");
        assert_eq!(moved, Moved::Moved);
        compiled.catalogue
    }

    /// Puts a file in the inbox.
    ///
    /// # Panics
    /// Where the bucket does not take it.
    pub async fn upload(&self, key: &str, content: impl AsRef<[u8]>) {
        let bucket = &self.store.deployment.inbox;
        self.store
            .objects
            .write(bucket, key, content.as_ref().to_vec(), "text/csv")
            .await
            .expect("a file is put");
    }
}

/// The plugins' own checks have tests of their own.
struct NoPlugins;

impl Plugins for NoPlugins {
    fn names(&self) -> Vec<&str> {
        vec!["adobe-target", "facebook", "s3-file"]
    }

    fn faults(&self, _: &str, _: &serde_json::Value, _: &[&str]) -> Vec<Fault> {
        Vec::new()
    }
}

async fn table(config: &SdkConfig, name: &str, marks: bool) -> String {
    let attribute = |name: &str, kind| {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        attribute.build().expect("an attribute is complete")
    };
    let key = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key is complete")
    };
    let mut create = aws_sdk_dynamodb::Client::new(config)
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", ScalarAttributeType::S))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range));
    if marks {
        let index = GlobalSecondaryIndex::builder()
            .index_name("dirty")
            .key_schema(key("dirty", KeyType::Hash))
            .key_schema(key("due", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        create = create
            .attribute_definitions(attribute("dirty", ScalarAttributeType::S))
            .attribute_definitions(attribute("due", ScalarAttributeType::N))
            .global_secondary_indexes(index.build().expect("an index is complete"));
    }
    create.send().await.expect("a table is made");
    name.to_owned()
}

async fn queue(client: &aws_sdk_sqs::Client, name: &str) -> String {
    let mut create = client.create_queue().queue_name(name);
    if name.ends_with(".fifo") {
        create = create.attributes(QueueAttributeName::FifoQueue, "true");
    }
    create.send().await.expect("a queue is made").queue_url.expect("a queue has a URL")
}

/// The stream of events: it hands them on at once.
async fn stream(config: &SdkConfig, deployment: &Deployment) {
    let bucket = format!("arn:aws:s3:::{}", deployment.events);
    let destination = ExtendedS3DestinationConfiguration::builder()
        .role_arn("arn:aws:iam::000000000000:role/stream")
        .bucket_arn(bucket)
        .prefix("events/datastream=shop_web/date=!{timestamp:yyyy-MM-dd}/")
        .error_output_prefix("failed/")
        .build()
        .expect("a destination is complete");
    aws_sdk_firehose::Client::new(config)
        .create_delivery_stream()
        .delivery_stream_name(&deployment.events_stream)
        .extended_s3_destination_configuration(destination)
        .send()
        .await
        .expect("a stream is made");
}

async fn buckets(config: &SdkConfig, deployment: &Deployment, sqs: &aws_sdk_sqs::Client, inbox_queue: &str) {
    let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    let Deployment { inbox, control, data, exports, events, .. } = deployment;
    for bucket in [inbox, control, data, exports, events] {
        s3.create_bucket().bucket(bucket).send().await.expect("a bucket is made");
    }
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let keep = s3.put_bucket_versioning().bucket(&deployment.inbox).versioning_configuration(versioning);
    keep.send().await.expect("the inbox keeps versions");
    let attributes =
        sqs.get_queue_attributes().queue_url(inbox_queue).attribute_names(QueueAttributeName::QueueArn);
    let attributes = attributes.send().await.expect("the queue says its name").attributes.unwrap_or_default();
    let notify = QueueConfiguration::builder()
        .queue_arn(attributes.get(&QueueAttributeName::QueueArn).expect("a queue has a name"))
        .events(Event::from("s3:ObjectCreated:*"))
        .build()
        .expect("a notification is complete");
    s3.put_bucket_notification_configuration()
        .bucket(&deployment.inbox)
        .notification_configuration(NotificationConfiguration::builder().queue_configurations(notify).build())
        .send()
        .await
        .expect("the inbox notifies");
}
