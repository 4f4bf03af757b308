// The catalogue of the embedded shop inside the binary, so that it runs anywhere: config/entities.yaml, word
// for word. A test holds the two together; `scripts/embed` writes this file from that one.

enum EmbeddedCatalogue {
    static let yaml = #"""
        # The entity catalogue: which tables are synced, and how a row becomes a record.
        #
        # Every record carries `id`, `version`, `created_at` and `updated_at` (named by `key`, `version`, `created_at`,
        # `updated_at` below), then its fields in this order. What is not listed never leaves the server.
        #
        #   number    1…63, stable for ever: journal rows and sync tokens carry it. Never give it to another entity.
        #   table     the table's name; the entity's own when left out
        #   default   true: sent without `entities=`
        #   fields    a name, or `name: cast`. Casts: string (decimals stay exact strings, "12.50"), number, boolean,
        #             timestamp, json (a stored text; one that is no JSON is sent as a string), base64; without one, the value's
        #             own type.
        #   replace   further UNIQUE keys of the table, through which INSERT OR REPLACE can delete another row silently
        #   writable  what tills may upload, each field with its rules: required, string, integer, decimal, boolean, date, json,
        #             max:N, min:N, in:a,b, exists:entity (a live record of the same business). Not listed: not writable.
        #   conflict  an update of a record that has changed meanwhile: reject (told, with the record), last_write_wins, or
        #             merge (fields nobody else changed are applied)
        #
        # For tables of an application of its own (docs/ATTACH.md; `tidings catalogue guess FILE` writes a first draft):
        #
        #   key_type  text, for a key that is no integer
        #   fixed_business  the one business of every row, for a table without a column for it
        #   time_zone where the clock hung that wrote times without a zone: Asia/Dhaka. Left out, they are UTC
        #   optional  true: the table may be missing, now or after a migration
        #   embed     owned rows of other tables, sent inside the record as lists of objects; a change of one is a change of
        #             the record. By the name of the field:
        #               lines:
        #                 table: order_lines        left out: the field's name
        #                 parent: order_id          its column with the key of the record
        #                 order: place              what the list is sorted by; left out: rowid
        #                 deleted_at: deleted_at    its soft deletion, if it has one
        #                 fields: [item, quantity]
        #                 replace: [[order_id, place]]   its keys, primary key included, by which a REPLACE could take a row
        #                                                from another record
        #
        # Left out, these are: key id (integer), business business_id, version version, created_at created_at,
        # updated_at updated_at, deleted_at deleted_at (soft deletion; `none` for a table without one).

        entities:
          products:
            number: 1
            default: true
            fields: [name, sku, barcode, description, category_id, brand_id, unit_id, vat_id, price: string, cost: string,
                     min_price: string, track_stock: boolean, image_url, status]
            replace: [[business_id, sku]]
            writable: {name: required|string|max:200, sku: string|max:64, barcode: string|max:64, description: string|max:5000,
                       category_id: exists:categories, brand_id: exists:brands, unit_id: exists:units, vat_id: exists:vats,
                       price: decimal, cost: decimal, min_price: decimal, track_stock: boolean, image_url: string|max:500,
                       status: "in:active,inactive"}
            conflict: merge
          categories:
            number: 2
            default: true
            fields: [name, parent_id, sort_order, color, status]
          brands:
            number: 3
            default: true
            fields: [name, image_url, status]
          units:
            number: 4
            default: true
            fields: [name, short_name, allow_decimal: boolean, status]
          parties:
            number: 5
            default: true
            # type: customer | supplier | both
            fields: [type, name, phone, email, address, tax_number, credit_limit: string, opening_balance: string,
                     balance: string, client_id, status]
            writable: {type: "in:customer,supplier,both", name: required|string|max:200, phone: string|max:50,
                       email: string|max:200, address: string|max:500, tax_number: string|max:50, credit_limit: decimal,
                       client_id: string|max:64, status: "in:active,inactive"}
            conflict: merge
          vats:
            number: 6
            default: true
            fields: [name, rate: string, is_inclusive: boolean, status]
          payment_types:
            number: 7
            default: true
            fields: [name, kind, opens_drawer: boolean, status]
          warehouses:
            number: 8
            default: true
            fields: [name, code, phone, address, status]
          attributes:
            number: 9
            default: true
            fields: [name, status]
          attribute_values:
            number: 10
            default: true
            fields: [attribute_id, value, sort_order]
          variants:
            number: 11
            table: product_variants
            default: true
            fields: [product_id, name, sku, barcode, price: string, cost: string, attribute_value_ids: json, status]
            replace: [[business_id, sku]]

          # On request: entities=stocks,sales,…
          stocks:
            number: 12
            fields: [variant_id, warehouse_id, opening: string, quantity: string, alert_quantity: string]
            replace: [[variant_id, warehouse_id]]
          sales:
            number: 13
            fields: [invoice_number, party_id, warehouse_id, payment_type_id, sold_at: timestamp, subtotal: string,
                     discount: string, tax: string, total: string, paid: string, due: string, status, note, client_id]
            replace: [[business_id, invoice_number]]
            writable: {invoice_number: string|max:64, party_id: exists:parties, warehouse_id: required|exists:warehouses,
                       payment_type_id: exists:payment_types, sold_at: date, subtotal: decimal, discount: decimal, tax: decimal,
                       total: decimal, paid: decimal, due: decimal, status: "in:completed,held,returned", note: string|max:1000,
                       client_id: string|max:64}
          sale_items:
            number: 14
            fields: [sale_id, variant_id, quantity: string, unit_price: string, discount: string, tax: string, total: string]
            writable: {sale_id: required|exists:sales, variant_id: required|exists:variants, quantity: decimal,
                       unit_price: decimal, discount: decimal, tax: decimal, total: decimal}
          purchases:
            number: 15
            fields: [invoice_number, party_id, warehouse_id, purchased_at: timestamp, subtotal: string, discount: string,
                     tax: string, total: string, paid: string, due: string, status, note]
            replace: [[business_id, invoice_number]]
          purchase_items:
            number: 16
            fields: [purchase_id, variant_id, quantity: string, unit_cost: string, tax: string, total: string]
          due_collects:
            number: 17
            fields: [party_id, sale_id, payment_type_id, amount: string, collected_at: timestamp, note, client_id]
            writable: {party_id: required|exists:parties, sale_id: exists:sales, payment_type_id: exists:payment_types,
                       amount: required|decimal, collected_at: date, note: string|max:1000, client_id: string|max:64}
        """#
}
