//! The ingest function: wiring only.

#![recursion_limit = "256"]

use aws::Store;
use aws_lambda_events::sqs::SqsEvent;
use ingest::handler::Ingest;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging();
    let ingest = Ingest::new(Store::connect().await?);
    run(service_fn(|event: LambdaEvent<SqsEvent>| async {
        Ok::<_, Error>(ingest.handle(event.payload).await)
    }))
    .await
}
