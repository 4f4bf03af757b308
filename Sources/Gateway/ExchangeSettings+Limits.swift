// The configured limits as an exchange wants them.

import HTTP
import Lanes
import Settings

extension ExchangeSettings {
    init(_ limits: Configuration.Limits) {
        self.init()
        parser.headBytesMax = limits.headSize.bytes
        parser.bodyBytesMax = limits.bodySize.bytes
        headTime = limits.headTime
        bodyTime = limits.bodyTime
        writeTime = limits.writeTime
        writePaceBytes = limits.writePace.bytes
        idleTime = limits.idleTime
        budget = ByteBudget(bytesMax: limits.bodiesSize.bytes)
    }
}
