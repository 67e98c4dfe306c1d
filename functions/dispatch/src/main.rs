//! The dispatch function: wiring only.

use aws::Store;
use aws_lambda_events::dynamodb::Event;
use dispatch::handler::Dispatch;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging();
    let dispatch = Dispatch::new(Store::connect().await?);
    run(service_fn(|event: LambdaEvent<Event>| async {
        Ok::<_, Error>(dispatch.handle(event.payload).await)
    }))
    .await
}
