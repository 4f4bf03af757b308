// A shop with many products, for what is asked rather than streamed.

import GRDB
import TidingsTesting

extension TidingsRig {
    /// One business, one till, and so many products as a real shop has them.
    static func withProducts(_ count: Int) throws -> TidingsRig {
        let rig = try TidingsRig(Layout(streams: 1, channels: 1), rowsEach: 16)
        let queue = try DatabaseQueue(path: rig.database)
        try queue.write { db in
            try db.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                    INSERT INTO products(business_id, name, sku, barcode, description, price, cost)
                    SELECT 1, 'Product ' || i, 'SKU-' || i, printf('%013d', i), 'What product ' || i || ' is for',
                      i % 100 || '.90', i % 100 || '.10' FROM n
                    """, arguments: [count])
        }
        return rig
    }

    /// The till's token.
    var bearer: String { requests(channel: 0, count: 1)[0].bearer }
}
