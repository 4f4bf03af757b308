// A believable shop to begin with: categories, brands, units, taxes, people, products with variants, stock.
// Written as any application would write it; the hooks do the rest.

import GRDB

/// Fills a business with a shop. A value.
struct DemoShop {
    let queue: DatabaseQueue
    let business: Int64

    private static let kinds: [(category: String, brand: String, names: [String], price: ClosedRange<Int>)] =
        [
            (
                "Tea", "Leaf & Co", ["Assam", "Darjeeling", "Earl Grey", "Sencha", "Rooibos", "Chai"],
                250...900
            ),
            ("Coffee", "Monsoon", ["Espresso beans", "Filter roast", "Decaf", "Cold brew"], 400...1_600),
            (
                "Bakery", "Corner Oven", ["Croissant", "Rye loaf", "Cinnamon roll", "Bagel", "Scone"],
                120...650
            ),
            ("Dairy", "Green Valley", ["Whole milk", "Butter", "Yoghurt", "Cheddar", "Cream"], 90...780),
            ("Household", "Brightly", ["Dish soap", "Sponge", "Bin bags", "Candles", "Matches"], 80...1_200),
            ("Stationery", "Inkwell", ["Notebook", "Pencil", "Marker", "Envelope", "Tape"], 50...990),
        ]

    /// Whether the business has anything yet.
    func isEmpty() throws -> Bool {
        try queue.read { db in
            try Int.fetchOne(
                db, sql: "SELECT 1 FROM products WHERE business_id = ? LIMIT 1", arguments: [business]) == nil
        }
    }

    /// Writes the shop in one transaction.
    ///
    /// - Parameter products: How many; each has one variant, in stock in the first warehouse.
    func seed(products: Int, random: inout some RandomNumberGenerator) throws {
        var random = random
        try queue.inTransaction(.immediate) { db in
            let basics = try seedBasics(db)
            for number in 0..<products {
                let kind = Self.kinds[number % Self.kinds.count]
                let name = kind.names[number / Self.kinds.count % kind.names.count]
                let price = Int.random(in: kind.price, using: &random)
                try insert(
                    db, "products",
                    [
                        "name": "\(name) No. \(number + 1)", "sku": "P-\(number + 1)",
                        "barcode": "20\(10_000_000 + number)",
                        "category_id": basics.categories[number % Self.kinds.count],
                        "brand_id": basics.brands[number % Self.kinds.count], "unit_id": basics.unit,
                        "vat_id": basics.vat, "price": Money.text(price), "cost": Money.text(price * 6 / 10),
                    ])
                let product = db.lastInsertedRowID
                try insert(
                    db, "product_variants",
                    [
                        "product_id": product, "name": "Standard", "sku": "V-\(number + 1)",
                        "price": Money.text(price), "cost": Money.text(price * 6 / 10),
                    ])
                let stock = "\(Int.random(in: 20...400, using: &random)).000"
                try insert(
                    db, "stocks",
                    [
                        "variant_id": db.lastInsertedRowID, "warehouse_id": basics.warehouse,
                        "opening": stock,
                        "quantity": stock, "alert_quantity": "10.000",
                    ])
            }
            return .commit
        }
    }

    private struct Basics {
        var categories: [Int64] = []
        var brands: [Int64] = []
        var unit: Int64 = 0
        var vat: Int64 = 0
        var warehouse: Int64 = 0
    }

    private func seedBasics(_ db: Database) throws -> Basics {
        var basics = Basics()
        for kind in Self.kinds {
            try insert(db, "categories", ["name": kind.category])
            basics.categories.append(db.lastInsertedRowID)
            try insert(db, "brands", ["name": kind.brand])
            basics.brands.append(db.lastInsertedRowID)
        }
        try insert(db, "units", ["name": "Piece", "short_name": "pc"])
        basics.unit = db.lastInsertedRowID
        try insert(db, "vats", ["name": "Standard", "rate": "20.00", "is_inclusive": 1])
        basics.vat = db.lastInsertedRowID
        for (name, kind) in [("Cash", "cash"), ("Card", "card")] {
            try insert(
                db, "payment_types", ["name": name, "kind": kind, "opens_drawer": kind == "cash" ? 1 : 0])
        }
        try insert(db, "warehouses", ["name": "Shop floor", "code": "W1"])
        basics.warehouse = db.lastInsertedRowID
        try insert(db, "attributes", ["name": "Size"])
        let size = db.lastInsertedRowID
        for (order, value) in ["Small", "Medium", "Large"].enumerated() {
            try insert(db, "attribute_values", ["attribute_id": size, "value": value, "sort_order": order])
        }
        for (name, type) in [
            ("Walk-in customer", "customer"), ("Wholesale Ltd", "supplier"), ("Cafe Next Door", "both"),
        ] {
            try insert(db, "parties", ["name": name, "type": type])
        }
        return basics
    }

    private func insert(
        _ db: Database, _ table: String, _ values: [String: any DatabaseValueConvertible]
    ) throws {
        let names = values.keys.sorted()
        try db.execute(
            sql: """
                INSERT INTO \(table)(business_id, \(names.joined(separator: ", ")))
                VALUES (?\(String(repeating: ", ?", count: names.count)))
                """,
            arguments: StatementArguments(
                [business as any DatabaseValueConvertible] + names.compactMap { values[$0] }))
    }
}

/// Amounts in cents, as the database writes them.
enum Money {
    /// `12.50`
    static func text(_ cents: Int) -> String {
        let fraction = abs(cents) % 100
        return "\(cents < 0 ? "-" : "")\(abs(cents) / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// The cents of a stored amount.
    static func cents(_ text: String) -> Int {
        let parts = text.split(separator: ".", maxSplits: 1)
        let fraction = parts.count > 1 ? String((parts[1] + "00").prefix(2)) : "00"
        return (Int(parts.first ?? "0") ?? 0) * 100 + (Int(fraction) ?? 0)
    }
}
