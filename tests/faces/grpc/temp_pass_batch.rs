//! Batches of resets in one stream.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use passbridge::proto::v1::{
    BatchResetTempPassRequest, BatchResetTempPassResponse, batch_reset_temp_pass_request::Item,
    reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::temp_pass::{authorize, reset, reset_flexible};
use crate::support::test_server::TestServer;

fn by_device(id: &str) -> BatchResetTempPassRequest {
    let item = Item::TempPass(reset(Target::DeviceId(id.to_owned())));
    BatchResetTempPassRequest { item_id: id.to_owned(), item: Some(item) }
}

async fn answers(
    server: &TestServer,
    items: impl IntoIterator<Item = BatchResetTempPassRequest, IntoIter: Send + 'static>,
) -> Vec<Result<BatchResetTempPassResponse, Status>> {
    let items = futures_util::stream::iter(items);
    let answers = server.temp_passes().batch_reset_temp_pass(items).await.expect("starts").into_inner();
    answers.collect().await
}

#[tokio::test]
async fn every_item_gets_one_response_with_its_own_outcome() {
    let server = TestServer::start();
    for device in 0..10 {
        let request = authorize("TempPass", &device.to_string(), None, "1");
        server.temp_passes().authorize_temp_pass(request).await.expect("authorizes");
    }
    let mut items: Vec<_> = (0..2_000).map(|device| by_device(&device.to_string())).collect();
    items.push(by_device("all"));
    items.push(BatchResetTempPassRequest { item_id: "nothing".to_owned(), item: None });
    let flexible = reset_flexible(FlexibleTarget::GenericKey("a".repeat(64)));
    let flexible = Some(Item::FlexibleTempPass(flexible));
    items.push(BatchResetTempPassRequest { item_id: "flexible".to_owned(), item: flexible });

    let answers = answers(&server, items).await;
    assert_eq!(answers.len(), 2_003);
    let mut ids = BTreeSet::new();
    let (mut count, mut refused) = (0, Vec::new());
    for answer in answers {
        let answer = answer.expect("a failed item does not end the stream");
        let status = answer.status.expect("present");
        if status.code == Code::Ok as i32 {
            count += answer.reset_count.expect("is known");
        } else {
            assert_eq!(status.code, Code::InvalidArgument as i32);
            assert!(!status.details.is_empty() && answer.reset_count.is_none());
            refused.push(answer.item_id.clone());
        }
        assert!(ids.insert(answer.item_id));
    }
    refused.sort();
    assert_eq!((count, refused), (10, vec!["all".to_owned(), "nothing".to_owned()]));
}

#[tokio::test]
async fn an_item_is_answered_before_the_next_one_arrives() {
    let server = TestServer::start();
    let (sender, receiver) = mpsc::channel(1);
    let mut answers = server
        .temp_passes()
        .batch_reset_temp_pass(ReceiverStream::new(receiver))
        .await
        .expect("starts")
        .into_inner();
    for id in ["one", "two"] {
        sender.send(by_device(id)).await.expect("accepted");
        let answer = answers.message().await.expect("continues").expect("present");
        assert_eq!(answer.item_id, id);
    }
    drop(sender);
    assert!(answers.message().await.expect("ends with OK").is_none());
}

/// Tests with the longest names, so that a few hundred responses fill the connection's buffers, and with short names, of
/// which very many fit into the buffers.
#[tokio::test]
async fn a_client_that_reads_no_responses_gets_no_more_items_processed() {
    for name_length in [1, 250] {
        let server = TestServer::start();
        let (sender, receiver) = mpsc::channel(1);
        let stream = ReceiverStream::new(receiver);
        let answers = server.temp_passes().batch_reset_temp_pass(stream).await.expect("starts");
        let mut answers = answers.into_inner();
        let total = 40_000;
        let sent = tokio::spawn(async move {
            for index in 0..total {
                let item_id = format!("{index:0>name_length$}");
                let item = BatchResetTempPassRequest { item_id, ..by_device("device") };
                if sender.send(item).await.is_err() {
                    return index;
                }
            }
            total
        });
        answers.message().await.expect("continues").expect("present");
        // The client does not read, so back-pressure must stop the sender before its last item.
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
        assert!(
            !sent.is_finished(),
            "all {total} items were processed although the client reads no responses"
        );
        let mut count = 1;
        while answers.message().await.expect("continues").is_some() {
            count += 1;
        }
        assert_eq!((count, sent.await.expect("completes")), (total, total));
    }
}

#[tokio::test]
async fn a_disconnected_caller_ends_only_its_own_stream() {
    let server = TestServer::start();
    let items = futures_util::stream::iter((0..500).map(|id| by_device(&id.to_string())));
    let answers =
        server.temp_passes().batch_reset_temp_pass(items.chain(futures_util::stream::pending())).await;
    let mut answers = answers.expect("starts").into_inner();
    answers.message().await.expect("continues").expect("present");
    drop(answers);
    assert_eq!(self::answers(&server, [by_device("after")]).await.len(), 1);
}
