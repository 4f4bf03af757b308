// Sales take from stock and purchases add to it: opening + purchased − sold = stock, whoever writes. What
// counts is a live item of a live sale or purchase, in that one's warehouse; every change undoes what the old
// row meant and does what the new one means.
//
// Out of reach are REPLACE over an item or its document, which SQLite hides from triggers unless the writer
// has set `recursive_triggers`, and items that are written before their document.

/// The triggers of one kind of document.
struct StockTriggers {
    let document: String
    let items: String
    let reference: String
    /// `-` for what leaves, `+` for what comes.
    let sign: String

    /// In place of whatever an older Tidings made.
    static let anew =
        all.compactMap { sql in
            sql.split(separator: " ").dropFirst(2).first.map { "DROP TRIGGER IF EXISTS \($0)" }
        } + all

    private static let all =
        StockTriggers(document: "sales", items: "sale_items", reference: "sale_id", sign: "-").statements
        + StockTriggers(document: "purchases", items: "purchase_items", reference: "purchase_id", sign: "+")
        .statements
        + [
            """
            CREATE TRIGGER shop_stocks_opening AFTER UPDATE OF opening ON stocks
            WHEN NEW.opening IS NOT OLD.opening BEGIN
              UPDATE stocks SET quantity = printf('%.3f', quantity + NEW.opening - OLD.opening) WHERE id = NEW.id;
            END
            """,
            // Where there was no row nothing has moved yet.
            """
            CREATE TRIGGER shop_stocks_opening_insert AFTER INSERT ON stocks
            WHEN NEW.opening + 0 <> 0 AND NEW.quantity + 0 <> NEW.opening + 0 BEGIN
              UPDATE stocks SET quantity = printf('%.3f', NEW.opening) WHERE id = NEW.id;
            END
            """,
        ]

    var statements: [String] {
        [
            trigger("item_insert", "AFTER INSERT ON \(items)", [itemEffect("NEW", undo: false)]),
            trigger(
                // Not for a key that was changed elsewhere and cascades: the stock's own has moved too.
                "item_update",
                "AFTER UPDATE OF quantity, variant_id, \(reference), deleted_at ON \(items) "
                    + "WHEN NEW.variant_id IS OLD.variant_id "
                    + "OR EXISTS (SELECT 1 FROM product_variants WHERE id = OLD.variant_id)",
                [itemEffect("OLD", undo: true), itemEffect("NEW", undo: false)]),
            trigger("item_delete", "AFTER DELETE ON \(items)", [itemEffect("OLD", undo: true)]),
            trigger(
                "update", "AFTER UPDATE OF warehouse_id, deleted_at ON \(document)",
                [documentEffect("OLD", undo: true), documentEffect("NEW", undo: false)]),
            // The items go first, while their document can still be asked for its warehouse.
            trigger(
                "delete", "BEFORE DELETE ON \(document)", ["DELETE FROM \(items) WHERE \(reference) = OLD.id"]
            ),
        ]
    }

    private func trigger(_ name: String, _ event: String, _ body: [String]) -> String {
        let statements = body.map { "  " + $0 + ";\n" }.joined()
        return "CREATE TRIGGER shop_\(document)_\(name) \(event) BEGIN\n\(statements)END"
    }

    /// An item that was written, in its document as it stands.
    private func itemEffect(_ row: String, undo: Bool) -> String {
        effect(
            quantity: "\(row).quantity", variant: "\(row).variant_id", warehouse: "d.warehouse_id",
            from: "\(document) d",
            where: "d.id = \(row).\(reference) AND d.deleted_at IS NULL AND \(row).deleted_at IS NULL",
            undo: undo)
    }

    /// All items of a document that was written.
    private func documentEffect(_ row: String, undo: Bool) -> String {
        effect(
            quantity: "sum(printf('%.3f', i.quantity))", variant: "i.variant_id",
            warehouse: "\(row).warehouse_id",
            from: "\(items) i",
            where: "i.\(reference) = \(row).id AND i.deleted_at IS NULL AND \(row).deleted_at IS NULL",
            undo: undo,
            group: " GROUP BY i.variant_id")
    }

    private func effect(
        quantity: String, variant: String, warehouse: String, from: String, where condition: String,
        undo: Bool,
        group: String = ""
    ) -> String {
        let sign = (self.sign == "-") != undo ? "-" : "+"
        return """
            INSERT INTO stocks(business_id, variant_id, warehouse_id, quantity)
                SELECT (SELECT business_id FROM product_variants WHERE id = \(variant)), \(variant), \(warehouse),
                  printf('%.3f', 0 \(sign) \(quantity))
                FROM \(from) WHERE \(condition)\(group)
                ON CONFLICT(variant_id, warehouse_id) DO UPDATE SET
                  quantity = printf('%.3f', quantity + excluded.quantity), updated_at = \(ShopSchema.now)
            """
    }
}
