//! Bodies that come in pieces, put together.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

/// The whole of a body.
///
/// Its pieces are copied and let go one by one. Each is a view of the buffer that hyper read it with, 8 KiB for a byte that came
/// by itself: kept until the last had come, a few kilobytes sent byte by byte would hold as many megabytes.
///
/// # Errors
/// Where the body breaks off.
pub(crate) async fn whole<B>(mut body: B) -> Result<Bytes, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            whole.extend_from_slice(&piece);
        }
    }
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// A byte in a buffer that is counted for as long as it lives.
    struct Piece([u8; 1], #[expect(dead_code, reason = "it counts")] Arc<()>);

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_byte_by_byte_holds_one_buffer_at_a_time() {
        let counted = Arc::new(());
        let pieces = (0..100u8).map(|byte| {
            assert_eq!(Arc::strong_count(&counted), 1, "the last piece is still held");
            Ok::<_, Infallible>(Frame::data(Bytes::from_owner(Piece([byte], Arc::clone(&counted)))))
        });
        let Ok(body) = whole(StreamBody::new(stream::iter(pieces))).await;
        assert!(body.iter().copied().eq(0..100));
    }
}
