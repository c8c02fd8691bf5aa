//! Sixteen people at their dashboards: small questions to the customer star, each client asking the next as soon as it has
//! its answer, for some seconds.
//!
//! Clients ask the same questions from different places on. Reported are answers a second and how long the middle one and
//! the slowest hundredth took to come. Programs in a library serve their clients from threads of one process.

/// What the tiles of a dashboard ask.
pub(super) const QUERIES: [&str; 8] = [
    "SELECT sum(net_amount) AS revenue, count(*) AS lines FROM sales WHERE sold_on BETWEEN DATE '2025-06-01' AND DATE '2025-06-30'",
    "SELECT month, sum(net_amount) AS revenue, sum(profit) AS earned FROM sales JOIN calendar ON day = sold_on WHERE year = 2025 \
     GROUP BY month ORDER BY month",
    "SELECT category, sum(net_amount) AS revenue FROM sales JOIN product ON product.product_id = sales.product_id WHERE sold_on >= \
     DATE '2025-10-01' GROUP BY category ORDER BY revenue DESC",
    "SELECT segment, count(*) AS customers FROM customer GROUP BY segment ORDER BY segment",
    "SELECT store_id, sum(profit) AS earned FROM sales WHERE sold_on >= DATE '2025-12-01' GROUP BY store_id ORDER BY earned DESC, \
     store_id LIMIT 10",
    "SELECT segment, sum(net_amount) AS revenue FROM sales JOIN customer ON customer.customer_id = sales.customer_id WHERE sold_on \
     BETWEEN DATE '2024-11-01' AND DATE '2024-12-31' GROUP BY segment ORDER BY segment",
    "SELECT order_id, sold_on, net_amount FROM sales WHERE customer_id = 77 ORDER BY sold_on, order_id, net_amount LIMIT 20",
    "SELECT name, count(*) AS lines FROM sales JOIN channel ON channel.channel_id = sales.channel_id WHERE sold_on >= DATE \
     '2025-09-01' GROUP BY name ORDER BY name",
];
