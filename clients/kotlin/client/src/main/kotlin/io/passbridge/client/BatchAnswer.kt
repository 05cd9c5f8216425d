package io.passbridge.client

import io.passbridge.v1.BatchResetTempPassRequest

/**
 * The result of one reset of a batch, and the progress of the batch.
 *
 * @property item the request.
 * @property error the error of the item; null if it succeeded.
 * @property resetCount the number of trials that were reset; null if it is not known, or the item failed.
 * @property answered the number of items that were answered so far, including this one.
 * @property failed the number of failures among them.
 */
public class BatchAnswer internal constructor(
    public val item: BatchResetTempPassRequest,
    public val error: PassbridgeException?,
    public val resetCount: Long?,
    public val answered: Long,
    public val failed: Long,
)
