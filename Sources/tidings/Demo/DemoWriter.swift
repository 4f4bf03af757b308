// A shop at work: sales that move stock, price changes, new customers, deliveries, things discontinued. One
// transaction each, as an application would write them.

import GRDB

/// Writes what happens in a shop. Lives on the command's only thread.
final class DemoWriter {
    private let queue: DatabaseQueue
    private let businesses: [Int64]
    private var random: any RandomNumberGenerator

    init(queue: DatabaseQueue, businesses: [Int64], random: any RandomNumberGenerator) {
        self.queue = queue
        self.businesses = businesses
        self.random = random
    }

    /// One thing happens. Returns what, for people.
    func step() throws -> String {
        let business = businesses[roll(0...businesses.count - 1)]
        return try queue.writeWithoutTransaction { db in
            var said = ""
            try db.inTransaction(.immediate) {
                switch roll(0...99) {
                case 0..<70: said = try sell(db, business)
                case 70..<82: said = try reprice(db, business)
                case 82..<88: said = try deliver(db, business)
                case 88..<94: said = try meetCustomer(db, business)
                case 94..<97: said = try discontinue(db, business)
                default: said = try cancelSale(db, business)
                }
                return .commit
            }
            return "business \(business): \(said)"
        }
    }

    private func roll(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(random.next(upperBound: UInt64(range.count)))
    }

    private func sell(_ db: Database, _ business: Int64) throws -> String {
        let variants = try pick(db, "product_variants", business, count: roll(1...4))
        guard let warehouse = try pick(db, "warehouses", business, count: 1).first, !variants.isEmpty else {
            return "nothing to sell"
        }
        try db.execute(
            sql: """
                INSERT INTO sales(business_id, warehouse_id, party_id, payment_type_id)
                VALUES (?1, ?2, (SELECT id FROM parties WHERE business_id = ?1 AND deleted_at IS NULL ORDER BY id LIMIT 1),
                  (SELECT id FROM payment_types WHERE business_id = ?1 ORDER BY id LIMIT 1))
                """, arguments: [business, warehouse])
        let sale = db.lastInsertedRowID
        var total = 0
        for variant in variants {
            let price = Money.cents(
                try String.fetchOne(
                    db, sql: "SELECT price FROM product_variants WHERE id = ?", arguments: [variant])
                    ?? "0")
            let quantity = roll(1...3)
            total += price * quantity
            try db.execute(
                sql: """
                    INSERT INTO sale_items(business_id, sale_id, variant_id, quantity, unit_price, total)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    business, sale, variant, "\(quantity).000", Money.text(price),
                    Money.text(price * quantity),
                ])
        }
        try db.execute(
            // Numbered by its own id: other demos sell at the same time, and numbers were used before.
            sql: "UPDATE sales SET subtotal = ?1, total = ?1, paid = ?1, invoice_number = ?3 WHERE id = ?2",
            arguments: [Money.text(total), sale, "S-\(business)-\(sale)"])
        return "sale \(sale) of \(variants.count) items, \(Money.text(total))"
    }

    private func reprice(_ db: Database, _ business: Int64) throws -> String {
        guard let product = try pick(db, "products", business, count: 1).first else { return "no product" }
        let price = Money.text(roll(50...1_999))
        try db.execute(
            sql:
                "UPDATE products SET price = ?, updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') WHERE id = ?",
            arguments: [price, product])
        return "product \(product) now costs \(price)"
    }

    private func deliver(_ db: Database, _ business: Int64) throws -> String {
        guard let variant = try pick(db, "product_variants", business, count: 1).first,
            let warehouse = try pick(db, "warehouses", business, count: 1).first
        else { return "no delivery" }
        try db.execute(
            sql: "INSERT INTO purchases(business_id, warehouse_id) VALUES (?, ?)",
            arguments: [business, warehouse])
        let purchase = db.lastInsertedRowID
        let quantity = roll(10...99)
        try db.execute(
            sql:
                "INSERT INTO purchase_items(business_id, purchase_id, variant_id, quantity) VALUES (?, ?, ?, ?)",
            arguments: [business, purchase, variant, "\(quantity).000"])
        return "delivery of \(quantity) × variant \(variant)"
    }

    private func meetCustomer(_ db: Database, _ business: Int64) throws -> String {
        let number = roll(100_000...999_999)
        try db.execute(
            sql: "INSERT INTO parties(business_id, type, name, phone) VALUES (?, 'customer', ?, ?)",
            arguments: [business, "Customer \(number)", "+44 20 \(number)"])
        return "new customer \(db.lastInsertedRowID)"
    }

    private func discontinue(_ db: Database, _ business: Int64) throws -> String {
        guard let product = try pick(db, "products", business, count: 1).first else { return "no product" }
        try db.execute(
            sql: "UPDATE products SET deleted_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') WHERE id = ?",
            arguments: [product])
        return "product \(product) discontinued"
    }

    private func cancelSale(_ db: Database, _ business: Int64) throws -> String {
        guard let sale = try pick(db, "sales", business, count: 1).first else { return "no sale to cancel" }
        try db.execute(sql: "DELETE FROM sales WHERE id = ?", arguments: [sale])
        return "sale \(sale) cancelled"
    }

    /// Random live rows, by a seek and not by a scan: the ids of a business lie close together.
    private func pick(_ db: Database, _ table: String, _ business: Int64, count: Int) throws -> [Int64] {
        let range = try Row.fetchOne(
            db, sql: "SELECT min(id), max(id) FROM \(table) WHERE business_id = ?", arguments: [business])
        guard let low = range?[0] as Int64?, let high = range?[1] as Int64? else { return [] }
        var found: [Int64] = []
        for _ in 0..<count {
            let from = low + Int64(roll(0...Int(high - low)))
            let id = try Int64.fetchOne(
                db,
                sql:
                    "SELECT id FROM \(table) WHERE id >= ? AND business_id = ? AND deleted_at IS NULL ORDER BY id LIMIT 1",
                arguments: [from, business])
            if let id, !found.contains(id) { found.append(id) }
        }
        return found
    }
}
