//! Conditional writes: a condition that does not hold is an answer, not an error.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::Error;

/// What a conditional write came to; nothing where its condition did not hold.
pub(crate) fn unless_refused<T, E>(doing: &str, result: Result<T, SdkError<E>>) -> Result<Option<T>, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        Ok(output) => Ok(Some(output)),
        // Of an item that a transaction is writing, what was read is out of date too.
        Err(error)
            if matches!(
                error.code(),
                Some("ConditionalCheckFailedException" | "TransactionConflictException")
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::of(doing, error)),
    }
}
