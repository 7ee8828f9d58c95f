import { RedirectAction_RedirectResponseCode } from '@isthmus/proto/envoy';
import { HTTPRedirect_RedirectPortSelection } from '@isthmus/proto/istio';
import type { HTTPDirectResponse, HTTPRedirect } from '@isthmus/proto/istio';
import type { RouteContext, RouteInit } from './route-context.ts';

type ActionInit = NonNullable<RouteInit['action']>;

const CODES = new Map([
  [0, RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY],
  [301, RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY],
  [302, RedirectAction_RedirectResponseCode.FOUND],
  [303, RedirectAction_RedirectResponseCode.SEE_OTHER],
  [307, RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT],
  [308, RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT],
]);

/** Without an action where the code is none that Envoy redirects with; validation refuses those. */
export function redirectAction(redirect: HTTPRedirect, at: RouteContext): ActionInit {
  const responseCode = CODES.get(redirect.redirectCode);
  if (responseCode === undefined) return { case: undefined };
  return {
    case: 'redirect',
    value: {
      hostRedirect: redirect.authority,
      pathRewriteSpecifier:
        redirect.prefixRewrite === ''
          ? { case: 'pathRedirect', value: redirect.uri }
          : { case: 'prefixRewrite', value: redirect.prefixRewrite },
      schemeRewriteSpecifier: redirect.scheme === '' ? { case: undefined } : { case: 'schemeRedirect', value: redirect.scheme },
      portRedirect: port(redirect, at),
      responseCode,
    },
  };
}

/** 0: none is named; the scheme's own is never. */
function port({ redirectPort, scheme }: HTTPRedirect, at: RouteContext): number {
  const wanted =
    redirectPort.case === 'port'
      ? redirectPort.value
      : redirectPort.case === 'derivePort' && redirectPort.value === HTTPRedirect_RedirectPortSelection.FROM_REQUEST_PORT
        ? at.port
        : 0;
  const effective = scheme === '' ? (at.tls ? 'https' : 'http') : scheme;
  const isOwn = (wanted === 80 && effective === 'http') || (wanted === 443 && effective === 'https');
  return isOwn ? 0 : wanted;
}

export function directResponseAction({ status, body }: HTTPDirectResponse): ActionInit {
  const specifier = body?.specifier;
  if (specifier?.case === undefined) return { case: 'directResponse', value: { status } };
  return {
    case: 'directResponse',
    value: {
      status,
      body: {
        specifier:
          specifier.case === 'string'
            ? { case: 'inlineString', value: specifier.value }
            : { case: 'inlineBytes', value: specifier.value },
      },
    },
  };
}
