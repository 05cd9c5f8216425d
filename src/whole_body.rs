//! Collects bodies that arrive in pieces.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

/// Collects a body.
///
/// Each piece is copied and dropped immediately, because it is a view of the buffer that hyper read it into:
/// 8 KiB even for a single byte. If the pieces were kept, a few kilobytes that are sent byte by byte would
/// occupy as many megabytes.
///
/// # Errors
/// If the body breaks off.
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

    /// A byte in a buffer that is counted until it is dropped.
    struct Piece([u8; 1], #[expect(dead_code, reason = "counts the buffer")] Arc<()>);

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[tokio::test]
    async fn a_body_sent_byte_by_byte_holds_one_buffer_at_a_time() {
        let counted = Arc::new(());
        let pieces = (0..100u8).map(|byte| {
            assert_eq!(Arc::strong_count(&counted), 1, "the last piece is still held");
            Ok::<_, Infallible>(Frame::data(Bytes::from_owner(Piece([byte], Arc::clone(&counted)))))
        });
        let Ok(body) = whole(StreamBody::new(stream::iter(pieces))).await;
        assert!(body.iter().copied().eq(0..100));
    }
}
