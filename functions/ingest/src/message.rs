//! What comes in from the queues: notifications of S3, and our own work.

pub use aws::{Untaken, Work};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Objects have arrived in a bucket.
    Arrived(Vec<Arrival>),
    /// S3 tries out whether notifications reach the queue.
    Test,
    /// Work that an earlier step left.
    Work(Work),
    /// An event that the stream of events did not take.
    Event(Box<Untaken>),
}

/// An object that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The version; none where the bucket keeps none.
    pub version: Option<String>,
}

/// A message that is none of these.
#[derive(Debug, thiserror::Error)]
pub enum UnknownMessage {
    /// It is no JSON, or of another form.
    #[error("the message is neither a notification of S3, nor work, nor an event")]
    Form(#[source] serde_json::Error),
    /// An object's key is not UTF-8 under its encoding.
    #[error("the key of an object in bucket `{0}` is not UTF-8")]
    Key(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Work(Work),
    Event(Box<Untaken>),
    Notification {
        #[serde(rename = "Records")]
        records: Vec<NotificationRecord>,
    },
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
}

/// The parts of S3's notification that matter here; what else stands in it differs among S3 and its emulators.
#[derive(Deserialize)]
struct NotificationRecord {
    #[serde(rename = "eventName")]
    event_name: String,
    s3: NotificationEntity,
}

#[derive(Deserialize)]
struct NotificationEntity {
    bucket: NotificationBucket,
    object: NotificationObject,
}

#[derive(Deserialize)]
struct NotificationBucket {
    name: String,
}

#[derive(Deserialize)]
struct NotificationObject {
    key: String,
    #[serde(rename = "versionId")]
    version: Option<String>,
}

impl Message {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// Where it is no message of this function; the error does not repeat it.
    pub fn parse(body: &str) -> Result<Message, UnknownMessage> {
        match serde_json::from_str(body).map_err(UnknownMessage::Form)? {
            Body::Work(work) => Ok(Message::Work(work)),
            Body::Event(untaken) => Ok(Message::Event(untaken)),
            Body::Test { event } if event == "s3:TestEvent" => Ok(Message::Test),
            Body::Test { .. } => {
                Err(UnknownMessage::Form(serde::de::Error::custom("an event that is no test of S3")))
            }
            Body::Notification { records } => {
                let created = records.into_iter().filter(|record| {
                    record.event_name.trim_start_matches("s3:").starts_with("ObjectCreated:")
                });
                created.map(arrival).collect::<Result<_, _>>().map(Message::Arrived)
            }
        }
    }
}

fn arrival(record: NotificationRecord) -> Result<Arrival, UnknownMessage> {
    let bucket = record.s3.bucket.name;
    // Notifications write keys as forms are written: a plus is a space.
    let spaced = record.s3.object.key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(key) => Ok(Arrival { bucket, key: key.into_owned(), version: record.s3.object.version }),
        Err(_) => Err(UnknownMessage::Key(bucket)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_and_other_events_passed_over() {
        let body = r#"{"Records": [
            {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "inbox"}, "object": {"key": "crm/a+b%C3%A9.csv", "versionId": "v1"}}},
            {"eventName": "s3:ObjectCreated:CompleteMultipartUpload", "s3": {"bucket": {"name": "inbox"}, "object": {"key": "crm/c.csv"}}},
            {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "inbox"}, "object": {"key": "crm/d.csv"}}}
        ]}"#;
        let arrival = |key: &str, version: Option<&str>| Arrival {
            bucket: "inbox".into(),
            key: key.into(),
            version: version.map(str::to_owned),
        };
        let expected =
            Message::Arrived(vec![arrival("crm/a bé.csv", Some("v1")), arrival("crm/c.csv", None)]);
        assert_eq!(Message::parse(body).unwrap(), expected);
    }

    #[test]
    fn a_test_event_is_known() {
        let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"inbox"}"#;
        assert_eq!(Message::parse(body).unwrap(), Message::Test);
    }

    #[test]
    fn work_reads_as_it_is_written() {
        let work = Work::Start { dataset: "crm".parse().unwrap(), batch: 7 };
        let body = serde_json::to_string(&work).unwrap();
        assert_eq!(body, r#"{"start":{"dataset":"crm","batch":7}}"#);
        assert_eq!(Message::parse(&body).unwrap(), Message::Work(work));
    }

    #[test]
    fn anything_else_is_refused() {
        for body in ["", "{}", "[]", r#"{"Event":"other"}"#, r#"{"start":{}}"#] {
            assert!(Message::parse(body).is_err(), "{body}");
        }
    }
}
