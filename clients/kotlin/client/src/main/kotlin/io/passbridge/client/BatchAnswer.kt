package io.passbridge.client

import io.passbridge.v1.BatchResetTempPassRequest

/**
 * What became of one of many resets, and how far all of them are.
 *
 * @property item what was asked for.
 * @property error why it failed; null where it did not.
 * @property resetCount how many trials were reset; null where that is not known, or the item failed.
 * @property answered how many items have an answer, this one included.
 * @property failed how many of these have failed.
 */
public class BatchAnswer internal constructor(
    public val item: BatchResetTempPassRequest,
    public val error: PassbridgeException?,
    public val resetCount: Long?,
    public val answered: Long,
    public val failed: Long,
)
