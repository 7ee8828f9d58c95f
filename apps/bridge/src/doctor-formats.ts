export const DOCTOR_FORMATS = ['table', 'json', 'yaml'] as const;
export type DoctorFormat = (typeof DOCTOR_FORMATS)[number];
