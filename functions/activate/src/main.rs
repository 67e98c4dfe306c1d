//! The activate function: wiring only.

#![recursion_limit = "256"]

use activate::handler::{Activate, Limits};
use aws::Store;
use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging();
    let activate = Activate::new(Store::connect().await?, Limits::default())?;
    let activate = &activate;
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Timestamp::try_from(event.context.deadline())?;
        Ok::<_, Error>(activate.handle(event.payload, deadline).await)
    }))
    .await
}
