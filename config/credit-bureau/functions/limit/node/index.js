// How much a person may borrow: by the score's band, so many hundredths of the monthly income. The
// same function as in the folders beside this one, in JavaScript.
const { store } = require('porteiro');

const bands = [[700, 'excellent', 300], [500, 'good', 150], [300, 'regular', 50], [-1, 'low', 0]];

exports.handler = async (event) => {
  const profile = await store('B').get('profile', event.pathParameters.cpf);
  if (profile === null) return { statusCode: 404, body: '{"error":"unknown person"}' };
  const income = (profile.income_sources ?? []).reduce((sum, each) => sum + each.monthly_cents, 0);
  const [, band, hundredths] = bands.find(([above]) => (profile.score ?? 0) > above);
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ band, limit_cents: Math.floor((income * hundredths) / 100) }),
  };
};
