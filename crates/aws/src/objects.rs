//! Objects in S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;

use crate::Error;

/// Objects in S3.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(crate) client: Client,
}

/// An object that is being read.
#[derive(Debug)]
pub struct Object {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified: Timestamp,
    /// Its version.
    pub version: String,
    /// Its content, as it comes.
    pub body: ByteStream,
}

impl Objects {
    /// Opens an object, of a version where one is named; nothing where there is no such object.
    ///
    /// # Errors
    /// Where the bucket cannot be read.
    pub async fn open(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<Object>, Error> {
        let get = self.client.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
        match get.send().await {
            Ok(output) => {
                let modified = output.last_modified().map(aws_sdk_s3::primitives::DateTime::secs);
                let modified = Timestamp::from_second(modified.unwrap_or_default())
                    .map_err(|error| Error::of("read the time of an object", error))?;
                Ok(Some(Object {
                    bytes: output
                        .content_length()
                        .and_then(|length| u64::try_from(length).ok())
                        .unwrap_or_default(),
                    modified,
                    version: output.version_id().unwrap_or("null").to_owned(),
                    body: output.body,
                }))
            }
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::of(&format!("open an object of bucket `{bucket}`"), error)),
        }
    }

    /// The whole of an object; nothing where there is no such object.
    ///
    /// # Errors
    /// Where the bucket cannot be read.
    pub async fn read(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(object) = self.open(bucket, key, None).await? else { return Ok(None) };
        let content = object.body.collect().await;
        let content =
            content.map_err(|error| Error::of(&format!("read an object of bucket `{bucket}`"), error))?;
        Ok(Some(content.to_vec()))
    }

    /// Writes an object.
    ///
    /// # Errors
    /// Where the bucket cannot be written.
    pub async fn write(
        &self,
        bucket: &str,
        key: &str,
        content: Vec<u8>,
        content_type: &str,
    ) -> Result<(), Error> {
        self.client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(content))
            .send()
            .await
            .map_err(|error| {
                let refused =
                    error.raw_response().is_some_and(|response| response.status().is_client_error());
                Error::of(&format!("write an object of bucket `{bucket}`"), error).refused(refused)
            })?;
        Ok(())
    }

    /// Deletes an object. One that is not there is deleted.
    ///
    /// # Errors
    /// Where the bucket cannot be written.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let delete = self.client.delete_object().bucket(bucket).key(key).send().await;
        delete.map_err(|error| Error::of(&format!("delete an object of bucket `{bucket}`"), error))?;
        Ok(())
    }

    /// The keys of a bucket that begin with a text, in order.
    ///
    /// # Errors
    /// Where the bucket cannot be read.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Error> {
        let mut pages = self.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::of(&format!("list bucket `{bucket}`"), error))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(keys)
    }
}

/// Whether an object is not there: no such key, no such version, or a delete marker in its place.
fn is_gone(error: &SdkError<GetObjectError>) -> bool {
    let code = error.as_service_error().and_then(|error| error.meta().code());
    matches!(code, Some("NoSuchKey" | "NoSuchVersion" | "MethodNotAllowed"))
        || error.raw_response().is_some_and(|response| matches!(response.status().as_u16(), 404 | 405))
}
