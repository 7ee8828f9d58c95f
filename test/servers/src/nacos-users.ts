/** A fresh Nacos has no user at all: the administrator is made by an unauthenticated call, everyone else by the administrator. */
import { http } from './probe.ts';

export interface NacosUser {
  readonly username: string;
  readonly password: string;
}

const administrator = 'nacos';

const paths = {
  2: {
    admin: '/nacos/v1/auth/users/admin',
    login: '/nacos/v1/auth/login',
    user: '/nacos/v1/auth/users',
    role: '/nacos/v1/auth/roles',
    permission: '/nacos/v1/auth/permissions',
  },
  3: {
    admin: '/nacos/v3/auth/user/admin',
    login: '/nacos/v3/auth/user/login',
    user: '/nacos/v3/auth/user',
    role: '/nacos/v3/auth/role',
    permission: '/nacos/v3/auth/permission',
  },
} as const;

/** Creates the administrator with the user's password and, unless the user is the administrator, the user with all rights. */
export async function createUsers(
  generation: 2 | 3,
  port: number,
  user: NacosUser,
  signal: AbortSignal,
  tls = false,
): Promise<void> {
  const path = paths[generation];
  const post = async (to: string, form: Record<string, string>): Promise<string> => {
    const { status, body } = await http(port, to, { form, signal, tls });
    if (status !== 200) throw new Error(`Nacos answered ${status} to POST ${to}: ${body.slice(0, 200)}`);
    return body;
  };
  await post(path.admin, { username: administrator, password: user.password });
  if (user.username === administrator) return;
  const answer = JSON.parse(await post(path.login, { username: administrator, password: user.password })) as {
    accessToken?: string;
  };
  if (answer.accessToken === undefined) throw new Error('Nacos let the administrator in but gave no accessToken');
  const signed = `?accessToken=${encodeURIComponent(answer.accessToken)}`;
  const role = `all-${user.username}`;
  await post(path.user + signed, { username: user.username, password: user.password });
  await post(path.role + signed, { role, username: user.username });
  await post(path.permission + signed, { role, resource: '*:*:*', action: 'rw' });
}
