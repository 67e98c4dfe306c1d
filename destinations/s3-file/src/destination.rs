//! The calls.

use std::sync::Arc;

use destination::{
    AudienceRef, AudienceSpec, Delivery, Descriptor, Destination, DestinationError, Encoded, Files, Plugin,
    Rejection, Request, Source, async_trait,
};

use crate::config::{Config, EXAMPLE};
use crate::encode::encode;
use crate::file::{Manifest, columns, csv};

/// What the plugin says of itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    name: "s3-file",
    title: "S3 file",
    description: "members are handed over as CSV files with a manifest each, in a bucket for exports",
    targets: &[],
    marketing_actions: &["Export to Third Party"],
    files: true,
    max_records: 10_000,
    idempotent: false,
    config_example: EXAMPLE,
    secret_example: None,
};

/// The plugin.
pub const PLUGIN: Plugin = Plugin::of::<Config>();

/// One folder of files.
pub(crate) struct S3File {
    config: Config,
    files: Arc<dyn Files>,
}

impl S3File {
    pub(crate) fn new(config: Config, files: Arc<dyn Files>) -> Self {
        Self { config, files }
    }
}

#[async_trait]
impl Destination for S3File {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn encode(&self, source: &Source) -> Result<Encoded, Rejection> {
        encode(&self.config, source)
    }

    /// A folder needs nothing: the audience's name is its id, and keeps it when people rename the audience.
    async fn ensure_audience(&self, audience: &AudienceSpec) -> Result<AudienceRef, DestinationError> {
        let id = audience.known_id.as_ref().unwrap_or(&audience.name);
        Ok(AudienceRef { id: id.clone() })
    }

    async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, DestinationError> {
        request.check_size(&DESCRIPTOR)?;
        if request.records.is_empty() {
            return Ok(Delivery::complete(0));
        }
        let operation = request.verb();
        let stem = format!("{}/{operation}/{}", self.config.prefix.as_str(), request.attempt);
        let key = format!("{stem}.csv");
        let columns = columns(&self.config, request.records);
        let bytes = csv(operation, &columns, request.records)?;
        let manifest = Manifest::new(&key, &bytes, &columns, request).to_json(operation)?;
        self.files.put(&key, bytes, "text/csv; charset=utf-8").await?;
        // Last: whoever reads waits for it.
        self.files.put(&format!("{stem}.manifest.json"), manifest, "application/json").await?;
        Ok(Delivery::complete(request.records.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use destination::http::{Http, TIMEOUT};
    use destination::{Context, ErrorKind, Operation, Record, RetryClass, contract};
    use futures::executor::block_on;
    use jiff::Timestamp;

    use super::*;

    #[derive(Default)]
    struct Folder {
        files: Mutex<Vec<(String, String)>>,
        refuses: Option<&'static str>,
    }

    #[async_trait]
    impl Files for Folder {
        async fn put(&self, key: &str, bytes: Vec<u8>, _: &str) -> Result<(), DestinationError> {
            if self.refuses.is_some_and(|end| key.ends_with(end)) {
                return Err(DestinationError::new(ErrorKind::FateUnknown, "put", "no answer"));
            }
            self.files.lock().unwrap().push((key.to_owned(), String::from_utf8(bytes).unwrap()));
            Ok(())
        }
    }

    fn destination(folder: &Arc<Folder>) -> Box<dyn Destination> {
        let context = Context { http: Http::new(TIMEOUT).unwrap(), files: folder.clone() };
        PLUGIN.connect(&serde_json::from_str(EXAMPLE).unwrap(), None, &context).unwrap()
    }

    fn source(email: &str, crm_id: &str) -> Source {
        [("email_sha256", email), ("crm_id", crm_id)]
            .map(|(key, text)| (key.to_owned(), text.to_owned()))
            .into()
    }

    fn deliver(
        folder: &Arc<Folder>,
        operation: Operation,
        records: &[Record],
    ) -> Result<Delivery, DestinationError> {
        let audience = AudienceRef { id: "prospects".to_owned() };
        let request =
            Request { audience: &audience, operation, attempt: "a1", at: Timestamp::UNIX_EPOCH, records };
        block_on(destination(folder).deliver(&request))
    }

    #[test]
    fn keeps_the_contract() {
        contract::check(&PLUGIN, &source("mary@example.com", "crm-17"));
        let folder = Arc::new(Folder::default());
        let destination = destination(&folder);
        let encoded =
            |id: u8| destination.encode(&source(&format!("{id}@example.com"), "crm")).unwrap().record;
        block_on(contract::check_delivery(&*destination, &[encoded(1), encoded(2), encoded(3)]));
    }

    #[test]
    fn a_request_becomes_a_file_and_then_its_manifest() {
        let folder = Arc::new(Folder::default());
        let encode = |email, id| destination(&folder).encode(&source(email, id)).unwrap().record;
        let records = [encode("mary@example.com", "crm \"17\", a"), encode("", "=1+1")];
        let delivery = deliver(&folder, Operation::Add, &records).unwrap();
        assert_eq!(delivery, Delivery::complete(2));
        insta::assert_json_snapshot!(*folder.files.lock().unwrap());
    }

    #[test]
    fn what_was_sent_under_earlier_columns_is_withdrawn_by_them() {
        let folder = Arc::new(Folder::default());
        let earlier = Record::from_iter([("crm_id", "17".to_owned()), ("loyalty_id", "9".to_owned())]);
        deliver(&folder, Operation::Remove, &[earlier]).unwrap();
        let files = folder.files.lock().unwrap();
        assert_eq!(
            files[0],
            ("partners/acme/remove/a1.csv".to_owned(), "email_sha256,crm_id,loyalty_id\n,17,9\n".to_owned())
        );
    }

    #[test]
    fn a_manifest_that_may_not_be_there_leaves_the_fate_unknown() {
        let folder = Arc::new(Folder { refuses: Some(".manifest.json"), ..Folder::default() });
        let error =
            deliver(&folder, Operation::Add, &[Record::from_iter([("crm_id", "1".to_owned())])]).unwrap_err();
        assert_eq!(error.retry_class(), RetryClass::Unknown);
    }
}
