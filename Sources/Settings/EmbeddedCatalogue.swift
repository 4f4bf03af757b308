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
        #             timestamp, json, base64; without one, the value's own type.
        #   replace   further UNIQUE keys of the table, through which INSERT OR REPLACE can delete another row silently
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
          sale_items:
            number: 14
            fields: [sale_id, variant_id, quantity: string, unit_price: string, discount: string, tax: string, total: string]
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
        """#
}
